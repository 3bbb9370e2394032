"""What is said of a deletion rests on the answer to its own DELETE, and only where that leaves no doubt."""

from __future__ import annotations

import gzip
import zlib

import pytest

from bot.domain.model import State
from sandbox.metastudio import faults as play
from sandbox.metastudio.faults import AFTER, DELETE, LIST, SHOW
from tests.flow.world import World
from tests.support.claims import Claim

SHIFTS = {
    "102": play.interim(102),
    "103": play.interim(103, headers="X-Request-Id: of-an-interim-answer"),
    "100, 102, 103": play.interim(100, 102, 103),
    "answered twice": play.twice(),
}


@pytest.mark.parametrize("operation", [SHOW, DELETE])
@pytest.mark.parametrize("shift", SHIFTS)
def test_a_refused_deletion_is_not_told_with_the_answer_to_another(w: World, shift: str, operation: str) -> None:
    """Job A's answers come behind interim ones, or twice; then B's DELETE is refused: that is what is said of B.

    It was "Job B is deleted. MetaStudio confirmed it", with A's request ID.
    """
    w.cloud.faults.add(operation, SHIFTS[shift], times=None, when=AFTER)
    a, b = (w.cloud.add_job(state="TRAIN_FAILED") for _ in range(2))
    cards = {job: w.card(job) for job in (a, b)}
    w.press(cards[a])
    w.cloud.faults.clear()
    w.cloud.faults.add(SHOW, SHIFTS[shift], times=None)
    w.cloud.faults.add(DELETE, play.error(403, "MSS.41000012"), job_id=b)
    w.press(cards[b])
    ids = {seen.job_id: seen.request_id for seen in w.cloud.requests_to(DELETE)}
    said = {job: "\n".join([*w.thread(cards[job]), cards[job].text]) for job in (a, b)}
    assert Claim.DELETED.stands_in(said[a])
    assert ids[a] in said[a]
    assert ids[b] not in said[a]
    assert w.deletion(b).state is State.FAILED
    assert not Claim.DELETED.stands_in(said[b])
    assert "MSS.41000012" in said[b]
    assert ids[b] in said[b]
    assert not Claim.CONFIRMED.stands_in(said[b])
    assert ids[a] not in said[b]
    assert "of-an-interim-answer" not in said[a] + said[b]
    assert b in w.cloud.jobs


@pytest.mark.parametrize(
    ("body", "shows"),
    [({"success": False}, ""), ({"error": "denied"}, "denied"), ({"code": "MSS.00000004"}, "MSS.00000004")],
    ids=str,
)
def test_a_200_whose_body_says_no_is_not_told_as_confirmed(w: World, body: dict[str, object], shows: str) -> None:
    """The job stands all the same: the outcome is not known, code and request ID are told, and reading finds out."""
    job, card = w.offered()
    w.cloud.faults.add(DELETE, play.http(200, body))
    w.press(card)
    first = w.thread(card)[0]
    assert w.deletion(job).state is State.UNKNOWN
    assert Claim.UNKNOWN.stands_in(first)
    assert not Claim.CONFIRMED.stands_in(first)
    assert w.cloud.requests_to(DELETE)[-1].request_id in first
    assert shows in first


NO = b'{"success":false,"error_code":"MSS.00000004"}'
HEADS = b"HTTP/1.1 200 OK\r\nX-Request-Id: of-metastudio-01\r\n"
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(NO), NO)

OBSCURED = {
    "gzip, cut, to the end": HEADS + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(NO)[:10],
    "gzip, cut, 10 bytes": HEADS + b"Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n" + gzip.compress(NO)[:10],
    "gzip, cut, 8 bytes": HEADS + b"Content-Encoding: gzip\r\nContent-Length: 8\r\n\r\n" + gzip.compress(NO)[:8],
    "gzip, no trailer": HEADS + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:-8],
    "deflate, cut": HEADS + b"Content-Encoding: deflate\r\nContent-Length: 2\r\n\r\n" + zlib.compress(NO)[:2],
    "gzip of nothing, then no": HEADS + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"") + NO,
    "gzip twice": HEADS + b"Content-Encoding: gzip, gzip\r\n\r\n" + gzip.compress(gzip.compress(b"")),
    "gzip of {}": HEADS + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"{}"),
    "gzip of nothing": HEADS + b"Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
    "Chunked with a space": HEADS + b"Content-Length: 0\r\nTransfer-Encoding: Chunked \r\n\r\n" + CHUNKS,
    "gzip, chunked": HEADS + b"Content-Length: 0\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS,
    "two framings": HEADS
    + b"Content-Length: 0\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    + CHUNKS,
}


@pytest.mark.parametrize("whole", OBSCURED.values(), ids=OBSCURED)
def test_a_200_of_which_not_all_was_understood_is_not_told_as_confirmed(w: World, whole: bytes) -> None:
    """Compressed and cut, or framed in a way that HTTP libraries ignore: its "no" looked like an empty body.

    It was "Job … is deleted. MetaStudio confirmed it", and the job stood there.
    """
    job, card = w.offered()
    w.cloud.faults.add(DELETE, play.raw(whole))
    w.press(card)
    first = w.thread(card)[0]
    assert w.deletion(job).state is State.UNKNOWN
    assert Claim.UNKNOWN.stands_in(first)
    assert not Claim.CONFIRMED.stands_in(first)
    assert "of-metastudio-01" in first
    assert job in w.cloud.jobs
    assert w.cloud.deletes_arrived(job) == 1


def test_reads_that_a_proxy_compresses_are_read_all_the_same(w: World) -> None:
    """Requests ask for no compression. A proxy that compresses anyhow does no harm to Show and List."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    for operation in (SHOW, LIST):
        w.cloud.faults.add(operation, play.compressed(), times=None)
    card = w.card(job)
    w.press(card)
    w.tick(6)
    w.tick(31)
    assert Claim.DELETED.stands_in(w.thread(card)[0])
    assert Claim.VERIFIED_GONE.stands_in(w.thread(card)[-1])
    assert {seen.header("Accept-Encoding") for seen in w.cloud.requests_to(DELETE)} == {"identity"}


def test_reads_that_a_proxy_compresses_and_cuts_decide_nothing(w: World) -> None:
    """Half a compressed "no such job" is no word about the job: there is no card, and nothing untrue is said."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.cloud.faults.add(SHOW, play.compressed(play.error(404, "MSS.41000003"), keep=12), times=None)
    w.ask(job)
    assert "could not be checked" in w.said_to(w.anna)[-1]


def test_a_second_request_id_is_kept_with_the_first(w: World) -> None:
    """A gateway and MetaStudio each give one: both stand in the thread, in what a ticket needs, and in the trail."""
    _, card = w.offered()
    refused = play.error(403, "MSS.41000012")
    second = play.request_id_lines("{}", "of-the-gateway-01")
    w.cloud.faults.add(DELETE, lambda seen, due: second(seen, refused(seen, due)))
    w.press(card)
    own = w.cloud.requests_to(DELETE)[-1].request_id
    (ticket,) = [text for text in w.thread(card) if "For a Huawei Cloud ticket" in text]
    assert f"request ID {own}, also of-the-gateway-01" in ticket
    assert f"{own}, of-the-gateway-01" not in ticket
    (outcome,) = [event.event for event in w.trail() if event.event.facts.get("status") == 403]
    assert (outcome.request_id, outcome.facts["other_request_id"]) == (own, "of-the-gateway-01")


def test_a_malformed_request_id_proves_nothing(w: World) -> None:
    """A 200 whose only request ID is "-" has none, so it may come from whatever stands in between."""
    job, card = w.offered()
    w.cloud.faults.add(DELETE, play.request_id_lines("-"))
    w.press(card)
    deletion = w.deletion(job)
    assert deletion.state is State.UNKNOWN
    assert deletion.attempts[-1].request_id is None


def test_the_connection_of_a_delete_stands_before_the_claim(w: World) -> None:
    """It was opened beside the last read, so that the DELETE waits for no handshake; and nothing else comes on it."""
    peers: list[tuple[str, int]] = []
    w.cloud.on_connect = lambda sock: peers.append(sock.getpeername())
    card = w.card(w.cloud.add_job(state="TRAIN_FAILED"))
    before = len(peers)
    at_the_delete: list[int] = []
    w.cloud.before_call = lambda seen: at_the_delete.append(len(peers)) if seen.operation == DELETE else None
    w.press(card)
    assert at_the_delete == [before + 1]
    assert len(peers) == before + 1
