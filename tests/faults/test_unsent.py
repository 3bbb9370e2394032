"""The fault matrix, calls that never leave, connections that hang, and effects and answers that come late.

What never left is failed and safe to ask again; what may have left is not known and is found out by reading.
"""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.domain.model import State
from sandbox.metastudio.faults import AFTER, BEFORE, DELETE, SHOW, error, http, late, throttled
from sandbox.metastudio.metastudio import MetaStudio
from tests.faults.cells import CHECK_NOW, LIVE, Cell, Keeper
from tests.faults.replies import ROWS
from tests.faults.test_metastudio import buttons, lose, recovers
from tests.flow.world import World
from tests.support.certificates import certificate, server_context
from tests.support.claims import NOT_DELETED, Claim, claims_of

# ----------------------------------------------------------------------------------------------- ways of not arriving


def end_connections(cell: Cell) -> None:
    """Idle connections end, so that the next call has to connect anew."""
    cell.w.cloud._listener.end_connections()


@contextmanager
def port_closed(cell: Cell) -> Iterator[None]:
    """Nobody listens there any more."""
    cell.w.cloud.stop()
    try:
        yield
    finally:
        cell.w.cloud.start()


@contextmanager
def no_address(cell: Cell) -> Iterator[None]:
    """The name of MetaStudio's host is not known; Slack's still is."""
    end_connections(cell)
    look_up = socket.getaddrinfo

    def without_cloud(host: str, port: int, *args: object, **kwargs: object) -> object:
        if port == cell.w.cloud.port:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, port, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", without_cloud)
        yield


@contextmanager
def bad_certificate(cell: Cell) -> Iterator[None]:
    """The server shows a certificate that nobody vouches for."""
    good, cell.w.cloud.tls = cell.w.cloud.tls, server_context(certificate(cell.w.folder))
    end_connections(cell)
    try:
        yield
    finally:
        cell.w.cloud.tls = good
        end_connections(cell)


@contextmanager
def past_its_time(cell: Cell) -> Iterator[None]:
    """The process was paused until after `send_before`."""
    cell.w.clock.add(6)
    yield


@contextmanager
def hanging_handshake(cell: Cell) -> Iterator[None]:
    """TCP connects, and TLS never answers."""
    gate = cell.w.cloud.faults.connect("hang", times=50)
    end_connections(cell)
    try:
        yield
    finally:
        gate.set()
        cell.w.cloud.faults.clear()


@contextmanager
def reset_while_connecting(cell: Cell) -> Iterator[None]:
    """The connection stands and ends with the first byte."""
    cell.w.cloud.faults.connect("reset", times=50)
    end_connections(cell)
    try:
        yield
    finally:
        cell.w.cloud.faults.clear()


Way = Callable[[Cell], "contextmanager[None]"]
NEVER_SENT, LOST = "never sent", "not known"

WAYS: dict[str, tuple[Way, str, str, str]] = {
    # the way                      in the world  what a DELETE is    the words for it
    "connection refused":       (port_closed,            "patient",  NEVER_SENT, "connection refused"),
    "no DNS":                   (no_address,             "patient",  NEVER_SENT, "could not be resolved"),
    "bad certificate":          (bad_certificate,        "tls",      NEVER_SENT, "certificate could not be verified"),
    "TLS, connection refused":  (port_closed,            "tls",      NEVER_SENT, "connection refused"),
    "TLS handshake hangs":      (hanging_handshake,      "tls",      LOST,       "TLS handshake did not finish"),
    "TLS handshake is reset":   (reset_while_connecting, "tls",      LOST,       "connection broke"),
    "connection hangs":         (hanging_handshake,      "impatient", LOST,      "no answer within the time"),
    "connection is reset":      (reset_while_connecting, "patient",  LOST,       "connection broke"),
}  # fmt: skip
EVERY_WAY = pytest.mark.parametrize("way", list(WAYS))


def tls_world(folder: Path) -> World:
    """A world whose MetaStudio speaks TLS, with a certificate that the bot was told to trust."""
    mine = certificate(folder)
    made = World(folder, CA_BUNDLE=str(mine), CONFIRM_BY="any_operator", CONNECT_TIMEOUT="0.3")
    made.cloud = MetaStudio(now=made.clock.now, tls=server_context(mine))
    return made


@pytest.fixture(scope="module")
def worlds(worlds: Keeper) -> Keeper:
    """One world more."""
    worlds.add("tls", tls_world)
    return worlds


# ---------------------------------------------------------------------------------------------------------- the cells


@EVERY_WAY
def test_first_read(worlds: Keeper, way: str) -> None:
    """Show at the command: no card; the person is told why, and the bot is well again when MetaStudio is."""
    broken, world, _, words = WAYS[way]
    with worlds.cell(world) as cell:
        with broken(cell):
            cell.ask()
        assert cell.cards() == []
        (told,) = cell.told(cell.w.anna)
        assert words in told
        assert claims_of(told) & NOT_DELETED
        recovers(cell, ROWS["200"])


@EVERY_WAY
def test_second_read(worlds: Keeper, way: str) -> None:
    """Show at the click: the person is told why, the card keeps waiting and works afterwards."""
    broken, world, _, words = WAYS[way]
    with worlds.cell(world) as cell:
        card = cell.card()
        with broken(cell):
            cell.press(card, user=cell.w.ben)
        (told,) = cell.told(cell.w.ben)
        assert words in told
        assert buttons(card) == LIVE
        assert cell.deletes() == 0
        cell.press(card, user=cell.w.ben)
        cell.quiet()
        assert cell.must_be_over().state is State.DELETED


@pytest.mark.parametrize("way", [*WAYS, "past send_before"])
@pytest.mark.parametrize("earlier", ["", "throttled before"])
def test_delete(worlds: Keeper, way: str, earlier: str) -> None:
    """The DELETE after its claim: what never left is failed and says so; what may have left is not known, then settled.

    No DELETE arrives either way, nor later.
    """
    broken, world, is_, words = WAYS.get(way, (past_its_time, "patient", NEVER_SENT, "allowed for sending had passed"))
    with worlds.cell(world) as cell:
        card = cell.card()
        if earlier:
            cell.spoil(DELETE, throttled())
        cell.at_the_claim(lambda: cell.enter(broken(cell)), again=bool(earlier))
        cell.press(card, user=cell.w.ben)
        cell.leave()
        first = cell.thread(card)[0]
        assert words in first
        for person in (cell.w.anna, cell.w.ben):
            assert f"<@{person}>" in first
        # The one before was sent and throttled: it may have been repeated on the way.
        never_sent = Claim.REFUSED if earlier else Claim.NOTHING_DELETED
        assert (never_sent if is_ == NEVER_SENT else Claim.UNKNOWN).stands_in(first)
        assert buttons(card) == ([] if is_ == NEVER_SENT else [CHECK_NOW])
        assert cell.deletes() == bool(earlier)
        cell.quiet()
        assert cell.must_be_over().state is State.FAILED
        assert cell.deletes() == bool(earlier)
        recovers(cell, ROWS["200"])


@EVERY_WAY
@pytest.mark.parametrize("truth", [BEFORE, AFTER], ids=["still there", "gone"])
def test_settling_reads(worlds: Keeper, way: str, truth: str) -> None:
    """Reads that do not arrive decide nothing; those after them do."""
    broken, world, _, _ = WAYS[way]
    with worlds.cell(world) as cell:
        card = lose(cell, truth)
        with broken(cell):
            cell.w.tick(3)
            cell.w.tick(100)
            assert cell.deletion().state is State.UNKNOWN
            assert len(cell.thread(card)) == 1
        cell.quiet()
        cell.must_be_over()


# ------------------------------------------------------------------------------------------- late effects and answers


@pytest.mark.parametrize("reads", [0, 2, 5, 8])
def test_late_effect(worlds: Keeper, reads: int) -> None:
    """MetaStudio deletes minutes after the answer was given up, after so many reads that found the job present.

    Before it was said to be there: it is deleted. After that, within the hour: a correction.
    """
    with worlds.cell("impatient") as cell:
        card = cell.card()
        held = cell.spoil(DELETE, late())
        cell.press(card)
        assert Claim.UNKNOWN.stands_in(cell.thread(card)[0])
        for _ in range(reads):
            cell.w.tick(100)
        said_no = any(claims_of(text) & NOT_DELETED for text in cell.thread(card))
        assert said_no == (reads > 6)
        held.release()
        assert cell.w.cloud.wait_for(lambda: cell.job not in cell.w.cloud.jobs)
        cell.quiet()
        assert cell.must_be_over().state is State.DELETED
        assert Claim.CORRECTED.stands_in_any(cell.thread(card)) == said_no


def test_two_deletions_of_one_job_are_told_apart(worlds: Keeper) -> None:
    """The first did nothing and was settled so; the second deletes the job: neither thread takes the other outcome."""
    with worlds.cell("patient") as cell:
        cell.most_deletes = 2
        first = cell.card()
        cell.spoil(DELETE, error(500, "MSS.00000004"))
        cell.press(first)
        for _ in range(4):
            cell.w.tick(20)
        assert claims_of(cell.thread(first)[-1]) & NOT_DELETED
        second = cell.card()
        cell.press(second)
        cell.quiet()
        cell.must_be_over()
        assert not Claim.CORRECTED.stands_in_any(cell.thread(first))


@pytest.mark.parametrize("status", [200, 204])
def test_a_success_that_was_none(worlds: Keeper, status: int) -> None:
    """MetaStudio says that it deleted, and did not: the bot repeats it as MetaStudio's word, looks, and says so."""
    with worlds.cell("patient") as cell:
        cell.witness.trusts = True
        card = cell.card()
        cell.spoil(DELETE, http(status))
        cell.press(card)
        assert Claim.CONFIRMED.stands_in(cell.thread(card)[0])
        cell.quiet()
        assert Claim.STILL_THERE.stands_in(cell.thread(card)[-1])
        assert not Claim.VERIFIED_GONE.stands_in(card.text)
        assert cell.deletes() == 1


# -------------------------------------------------------------------------------------------------------- throttling


@pytest.mark.parametrize("times", [1, 2, 3, 9])
@pytest.mark.parametrize(
    "retry_after", [None, "0", "1", "4", "9", "600", "-1", "soon", "Wed, 21 Oct 2099 07:28:00 GMT"]
)
def test_throttled(worlds: Keeper, times: int, retry_after: str | None) -> None:
    """429 so many times: at most three DELETEs, as late as MetaStudio asks within reason, else 2 s, then 5 s."""
    with worlds.cell("patient") as cell:
        card = cell.card()
        cell.most_deletes = min(times + 1, 3)
        cell.spoil(DELETE, throttled(retry_after), times=times)
        cell.press(card)
        cell.w.cloud.faults.clear()
        assert cell.deletes() == cell.most_deletes
        sent = [seen.at for seen in cell.w.cloud.requests_to(DELETE)]
        wanted = int(retry_after) if retry_after in {"1", "4", "9"} else None
        for pause, (earlier, later) in zip((2, 5), itertools.pairwise(sent), strict=False):
            assert (later - earlier).total_seconds() >= (wanted or (10 if retry_after == "600" else pause))
        said = Claim.DELETED if times < 3 else Claim.REFUSED
        assert said.stands_in(cell.thread(card)[0])
        cell.quiet()
        cell.must_be_over()


# ------------------------------------------------------------------------------------- two people, and half an outage

NOT_REPEATED = [
    name for name, row in ROWS.items() if not (row.repeated or row.opens or row.show == "the job, all the same")
]


@pytest.mark.parametrize("name", NOT_REPEATED)
def test_a_read_that_fails_while_somebody_else_deletes(worlds: Keeper, name: str) -> None:
    """Ben's click reads the job and gets this; meanwhile Anna's click deletes it. Ben is not told that nothing was."""
    row = ROWS[name]
    with worlds.cell("patient") as cell:
        card = cell.card()
        spoil = row.play()

        def meanwhile(seen: object, due: object) -> object:
            w = cell.w
            cell.witness.about[w.anna] = cell.job
            w.slack.click(w.anna, card, "dh_confirm").wait_ack()
            w.slack.wait_for(lambda: w.slack.thread(card))
            return spoil(seen, due)

        cell.spoil(SHOW, meanwhile)
        cell.press(card, user=cell.w.ben)
        cell.quiet()
        assert cell.must_be_over().state is State.DELETED
        assert any(re.search(r"onfirmed\*? by <@", text) for text in cell.told(cell.w.ben))


@pytest.mark.parametrize("why", ["the key was rejected", "nobody listens"])
def test_check_now_that_did_not_look_says_so(worlds: Keeper, why: str) -> None:
    """*Check now* while nothing may be sent, or nothing arrives, does not claim that the bot has looked."""
    with worlds.cell("patient") as cell:
        card = lose(cell, AFTER)
        if why == "the key was rejected":
            cell.spoil(SHOW, ROWS["401 empty"].play())
            cell.w.tick(3)
            cell.press(card, CHECK_NOW)
            cell.w.tick(301)
        else:
            with port_closed(cell):
                cell.press(card, CHECK_NOW)
        told = cell.told(cell.w.anna)[-1]
        assert "Checked just now" not in told
        cell.quiet()
        cell.must_be_over()


def test_the_list_ignores_its_filter(worlds: Keeper) -> None:
    """Foreign ids come back for `job_id=`: every page is read before the job is called gone."""
    for truth in (BEFORE, AFTER):
        with worlds.cell("patient") as cell:
            for _ in range(3):
                cell.add_job()
            cell.w.cloud.ignored_filters = {"job_id"}
            lose(cell, truth)
            cell.quiet()
            cell.w.cloud.ignored_filters = set()
            cell.must_be_over()


def test_the_limiter_leaves_no_room(worlds: Keeper) -> None:
    """A DELETE that would have to wait too long for its turn is answered "busy"; the card waits and works later."""
    worlds.add("slow", lambda folder: World(folder, DELETES_PER_SECOND="0.01", CONFIRM_WITHIN_SECONDS="3600"))
    with worlds.cell("slow") as cell:
        w = cell.w
        first, other = cell.card(), cell.add_job()
        cell.ask(text=other)
        second = cell.cards()[-1]
        cell.press(first)
        cell.press(second)
        assert "busy" in cell.told(w.anna)[-1]
        assert buttons(second) == LIVE
        assert w.cloud.deletes_arrived(other) == 0
        w.tick(200)
        cell.press(second)
        assert w.cloud.deletes_arrived(other) == 1
        cell.quiet()
        cell.must_be_over()
