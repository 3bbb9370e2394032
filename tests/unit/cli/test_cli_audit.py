"""``dh-bot audit``: what it says, and its exit statuses."""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.audit import chain, formats
from bot.audit.story import story, story_line
from bot.cli.main import main
from bot.domain.events import Event, Kind
from bot.domain.model import State
from bot.ledger.factory import open_ledger
from bot.ledger.store import Store
from tests.contract.values import NOON, after, deletion, event
from tests.support.paths import ROOT
from tests.support.values import TARGET

HOSTILE = "\x1b[31m\u202e"


@pytest.fixture(autouse=True)
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The bot holds the ledger while the command looks at it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAX_OPEN", "nonsense")  # the other settings do not matter
    made = open_ledger("sqlite:///dh-bot.db", TARGET, now=lambda: NOON)
    made.trail.record(
        event(Kind.COMMAND, 1),
        event(Kind.OUTCOME, 1, at=after(9), request_id=f"r{HOSTILE}", facts={"status": 200, "codes": ["a"]}),
        Event(Kind.BREAKER_OPENED, after(60)),
    )
    yield made
    made.close()


def tamper(ledger: Store, *statements: str) -> None:
    """Past the triggers."""
    ledger.close()
    with sqlite3.connect("dh-bot.db") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_list_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """One object per line, with exactly these keys."""
    assert main(["audit", "list", "--json", "--after", "1"]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first == {
        "number": 2,
        "at": "2026-11-22T12:00:09.123456Z",
        "kind": "outcome",
        "actor": "UANNA",
        "channel": "C1",
        "deletion": f"{1:016x}",
        "job": "job-1",
        "request_id": f"r{HOSTILE}",
        "facts": {"status": 200, "codes": ["a"]},
        "hash": first["hash"],
    }
    assert (second["number"], second["actor"], second["facts"]) == (3, None, {})


def test_list_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """A table in which no text from outside can move the cursor."""
    assert main(["audit", "list"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split()[:3] == ["number", "at", "(UTC)"]
    assert len(out.splitlines()) == 4
    assert "2026-11-22 12:00:09  outcome" in out
    assert "status=200" in out
    assert "\x1b" not in out
    assert "\u202e" not in out


WRONG_FILTERS = [
    (["--kind", "nonsense"], "no such kind"),
    (["--since", "yesterday"], "write 2026-03-02"),
    (["--until", "2026-13-01"], "write 2026-03-02"),
    (["--after", "-1"], "range"),
    (["--after", "99999999999999999999"], "range"),
    (["--person", "anna"], "begins with U or W"),
    (["--person", "C0OPS0000"], "begins with U or W"),
    (["--job", "a b"], "1 to 64 ASCII letters"),
    (["--job", "-a"], "none of these two"),
    (["--job", "j" * 65], "1 to 64 ASCII letters"),
    (["--deletion", "xyz"], "16 hexadecimal digits"),
    (["--since", "2026-03-03", "--until", "2026-03-02"], "before --until"),
    (["--since", "2026-03-02", "--until", "2026-03-02"], "before --until"),
]


@pytest.mark.parametrize("command", [["list"], ["export", "--format", "csv"]], ids=["list", "export"])
@pytest.mark.parametrize(("args", "says"), WRONG_FILTERS)
def test_wrong_filters(command: list[str], args: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Are usage errors that say what is wanted; finding nothing would look like an answer."""
    assert main(["audit", *command, *args]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert args[0] in captured.err
    assert says in captured.err


FILTERS = [
    (["--person", "UANNA"], 2),
    (["--job", "job-1"], 2),
    (["--deletion", f"{1:016x}"], 2),
    (["--since", "2026-11-22T12:00:01", "--until", "2026-11-22T12:00:10"], 1),
]


@pytest.mark.parametrize(("args", "found"), FILTERS)
def test_filters(args: list[str], found: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Each finds what it is meant for."""
    assert main(["audit", "list", "--json", *args]) == 0
    assert len(capsys.readouterr().out.splitlines()) == found


def test_an_empty_list_says_that_it_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    """To people; programs get no line."""
    assert main(["audit", "list", "--person", "UNOBODY"]) == 0
    assert capsys.readouterr() == ("", "No matching events.\n")
    assert main(["audit", "list", "--person", "UNOBODY", "--json"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_broken_text_is_still_listed(ledger: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever looks for what was tampered with must not be stopped by it."""
    tamper(ledger, "UPDATE events SET text = '{' WHERE number = 2")
    assert main(["audit", "list", "--json"]) == 0
    assert [json.loads(line)["facts"] for line in capsys.readouterr().out.splitlines()] == [{}, None, {}]
    assert main(["audit", "list"]) == 0
    assert "broken" in capsys.readouterr().out


def test_verify(ledger: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """A sound trail: how many, and the newest. What a chain cannot show is for -v and --help."""
    number, digest = ledger.trail.head()
    assert main(["audit", "verify"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("The audit trail is sound: 3 events verified.\n")
    assert f"{number}:{digest[:16]}" in out
    assert len(out.splitlines()) == 2
    for words in (["-v"], ["--verbose"], ["--help"]):
        assert main(["audit", "verify", *words]) == 0
        told = " ".join(capsys.readouterr().out.split())
        assert "cannot show that its end was cut off" in told
        assert "an event from a thread or from AUDIT_CHANNEL" in told


BROKEN = [
    (["UPDATE events SET channel = 'C9' WHERE number = 2"], "event 2 was changed"),
    (["DELETE FROM events WHERE number = 2"], "event 2 was removed"),
    (["DELETE FROM events WHERE number = 3"], "event 3 was removed"),
    (["UPDATE chain_head SET number = 2"], "event 3 was inserted"),
    (
        [
            "UPDATE events SET number = 9 WHERE number = 1",
            "UPDATE events SET number = 1 WHERE number = 2",
            "UPDATE events SET number = 2 WHERE number = 9",
        ],
        "event 1 was reordered",
    ),
    ([], "triggers that protect them are missing"),
]


@pytest.mark.parametrize(("statements", "says"), BROKEN, ids=[says for _, says in BROKEN])
def test_verify_finds(ledger: Store, statements: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1 and the first event that is not as it was written."""
    tamper(ledger, *statements)
    assert main(["audit", "verify"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err


def test_verify_against_what_the_channel_saw(ledger: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """0 when the event is there; 1 when it is not, though the chain by itself is sound; 2 for what is no hash."""
    second = ledger.trail.events()[1]
    assert main(["audit", "verify", "--against", f"2:{second.hash[:16]}"]) == 0
    assert f"contains what was shown: event 2:{second.hash[:16]}" in capsys.readouterr().out
    assert main(["audit", "verify", "--against", second.hash[:8]]) == 0
    assert main(["audit", "verify", "--against", "2:00000000"]) == 1
    assert "does not contain event 2 with that hash" in capsys.readouterr().err
    assert main(["audit", "verify", "--against", "2:0000"]) == 2


def test_no_ledger(ledger: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Looking makes none, and where a newest event is noted, says that there was one."""
    ledger.close()
    Path("dh-bot.db").rename("away.db")
    assert main(["audit", "verify"]) == 3
    assert "lost events" in capsys.readouterr().err
    Path("dh-bot.db.lock").unlink()
    assert main(["audit", "verify"]) == 3
    assert "DATABASE_URL" in capsys.readouterr().err
    assert not Path("dh-bot.db").exists()


def test_the_story_of_a_deletion(ledger: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """In order, in sentences, with what support asks for and without what a terminal would obey."""
    assert main(["audit", "show", f"{1:016x}"]) == 0
    head, why, asked, ended = capsys.readouterr().out.splitlines()
    assert why == "Reason: none is kept"
    assert head == f"Deletion {1:016x} of job job-1, times in UTC"
    assert asked == "2026-11-22 12:00:00  UANNA typed the command in C1.  [event 1]"
    assert ended.startswith("2026-11-22 12:00:09  Ended by the reply (HTTP 200, request ID r")
    assert "\x1b" not in ended


def test_the_story_begins_with_the_reason(ledger: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """It stands with the deletion, not in the trail; what a terminal would obey is taken out."""
    asked = deletion(8, reason="consent withdrawn \x1b[2J, INC-7")
    ledger.deletions.propose(asked, event(Kind.PROPOSED, 8), max_open=9)
    assert main(["audit", "show", asked.id]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "Reason: consent withdrawn \ufffd[2J, INC-7"


def test_the_story_has_what_people_wrote(ledger: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """The job's name and the reason, while they are kept, and without what a terminal would obey."""
    assert ledger.deletions.propose(deletion(1, reason=f"consent taken back{HOSTILE}"), max_open=9) is None
    assert main(["audit", "show", f"{1:016x}"]) == 0
    head, reason, *_ = capsys.readouterr().out.splitlines()
    assert head == f"Deletion {1:016x} of job job-1 (Ännas Zwilling), times in UTC"
    assert reason.startswith("Reason: consent taken back")
    assert "\x1b" not in reason
    tamper(ledger, "UPDATE deletions SET reason = NULL, job_name = ''")
    assert main(["audit", "show", f"{1:016x}"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"Deletion {1:016x} of job job-1, times in UTC",
        "Reason: none is kept",
    ]


def test_the_beginning_of_an_id_is_enough(ledger: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Four digits or more, in either case; where several ids begin so, they are named."""
    ledger.trail.record(
        *(event(Kind.COMMAND, 0xABCD0000_00000000 + number) for number in range(7)), event(number=0xBEEF << 48)
    )
    assert main(["audit", "show", "BEEF0"]) == 0
    assert capsys.readouterr().out.startswith("Deletion beef000000000000 of job ")
    assert main(["audit", "show", "abcd"]) == 1
    told = capsys.readouterr().err
    assert "Several ids begin with abcd: abcd000000000000, abcd000000000001, " in told
    assert "abcd000000000004 and more. Type more digits." in told
    for typed in ("bee", "beef1", "be%f", "be_f"):
        assert main(["audit", "show", typed]) == 1
        assert "No such deletion" in capsys.readouterr().err


def test_no_such_deletion(ledger: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Is said, and what an id looks like."""
    assert main(["audit", "show", "nonsense"]) == 1
    told = capsys.readouterr().err
    assert "No such deletion" in told
    assert "16 hexadecimal digits" in told


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_can_be_told(kind: Kind) -> None:
    """With all its facts or with none, nothing of the pattern is left standing."""
    facts = dict.fromkeys(
        ("action", "reason", "state", "rule", "why", "attempt", "means", "found", "word", "to"), "said"
    )
    for told in (facts, {}):
        (line,) = chain.link(chain.BEGINNING, [event(kind, 1, facts=told)])
        sentence = story_line(line)
        assert "{" not in sentence
        assert sentence.endswith(".  [event 1]")


OK, LOST, THROTTLED, UNSENT = "done", "sent, and no whole answer came back", "too many calls", "never sent"
IN_WORDS: list[tuple[tuple[Kind, dict[str, Any]], str]] = [
    ((Kind.CLICK, {"action": "dh_confirm"}), "UANNA pressed the button to delete"),
    ((Kind.REFUSED, {"reason": "second_person_needed"}), "UANNA was refused: second person needed"),
    ((Kind.PROPOSED, {"state": "TRAIN_FAILED", "rule": "any_operator"}),
     "Card made: the job was TRAIN_FAILED; who may confirm: any operator"),
    ((Kind.CARD_POSTED, {"ts": "1"}), "Posted in C1: the card"),
    ((Kind.OUTCOME, {"means": OK, "status": 204}), "Deleted: MetaStudio confirmed it (HTTP 204)"),
    ((Kind.OUTCOME, {"means": THROTTLED, "status": 429}), "Failed: too many calls (HTTP 429)"),
    ((Kind.UNKNOWN, {"means": "sender_gone"}), "Outcome unknown: the bot stopped before it had a reply"),
    ((Kind.UNKNOWN, {"why": "restored"}), "Outcome unknown because the ledger was restored"),
    ((Kind.READ, {"found": "nothing", "status": 503}), "Checked: no clear answer (HTTP 503)"),
    ((Kind.SETTLED, {"found": "gone", "agreeing": 2}), "Settled by checks: the job is gone (agreeing checks: 2)"),
    ((Kind.DELIVERED, {"what": "unknown", "to": "C1"}), "Posted in C1: outcome unknown"),
    ((Kind.NOT_DELIVERED, {"what": "outcome", "to": "C1", "why": "is_archived"}),
     "Not posted in C1: outcome (is archived)"),
    ((Kind.DELIVERED, {"kind": "command"}), "Answered UANNA"),
]  # fmt: skip


@pytest.mark.parametrize(("about", "says"), IN_WORDS, ids=[says for _, says in IN_WORDS])
def test_an_event_is_a_plain_sentence(about: tuple[Kind, dict[str, Any]], says: str) -> None:
    """The verdict first, in words that people say and not in those that are stored; codes and ids last."""
    kind, facts = about
    (line,) = chain.link(chain.BEGINNING, [event(kind, 1, facts=facts)])
    assert story_line(line) == f"2026-11-22 12:00:00  {says}.  [event 1]"


@pytest.mark.parametrize(
    ("then", "left"),
    [
        ([(Kind.OUTCOME, {"means": OK})], "went out"),
        ([(Kind.OUTCOME, {"means": UNSENT})], "did not go out"),
        ([(Kind.UNKNOWN, {"means": LOST})], "went out, as far as is known"),
        ([(Kind.UNKNOWN, {"means": "sender_gone"})], "was to go out"),
        ([(Kind.UNKNOWN, {"means": "sender_gone"}), (Kind.OUTCOME, {"means": OK})], "went out"),
        ([(Kind.CLAIMED, {"attempt": 2}), (Kind.OUTCOME, {"means": OK})], "was to go out"),
        ([], "was to go out"),
    ],
)
def test_a_claim_says_whether_its_attempt_went_out(then: list[tuple[Kind, dict[str, Any]]], left: str) -> None:
    """A claim is recorded before its DELETE leaves, so only a reply to it can say that it left."""
    events = [event(kind, 1, facts=facts) for kind, facts in [(Kind.CLAIMED, {"attempt": 1}), *then]]
    first, *_ = story(list(chain.link(chain.BEGINNING, events)))
    assert first.endswith(f"  UANNA confirmed; attempt 1 {left}.  [event 1]")


def test_a_later_attempt_is_nobody_s_second_confirmation() -> None:
    """It rests on the one press, so it names nobody."""
    claims = [event(Kind.CLAIMED, 1, facts={"attempt": 2}), event(Kind.OUTCOME, 1, facts={"means": OK})]
    first, _ = story(list(chain.link(chain.BEGINNING, claims)))
    assert "  Attempt 2 went out.  " in first


def rebuilt(exported: list[dict[str, str]]) -> bool:
    """Whether the hashes can be computed again from what was exported."""
    return all(
        chain.next_hash(row["previous_hash"], row["text"]) == row["hash"]
        and (before is None or before["hash"] == row["previous_hash"])
        for before, row in zip([None, *exported], exported, strict=False)
    )


@pytest.mark.parametrize("words", [["--format", "jsonl"], []])
def test_export_as_json(ledger: Store, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """One object per line, also unless told otherwise; the chain can be verified from it without the ledger."""
    assert main(["audit", "export", *words]) == 0
    captured = capsys.readouterr()
    exported = [json.loads(line) for line in captured.out.splitlines()]
    assert [row["number"] for row in exported] == [1, 2, 3]
    assert (exported[1]["facts"]["status"], exported[1]["team"]) == (200, "TOURS")
    assert rebuilt(exported)
    assert captured.err == ""


def test_export_as_csv_goes_on(ledger: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """With --after the rest follows, without a second line of headings: both parts are one file."""
    assert main(["audit", "export", "--format", "csv"]) == 0
    whole = capsys.readouterr().out
    parts = ""
    for args in (["--until", "2026-11-22T12:00:10"], ["--after", "2"]):
        assert main(["audit", "export", "--format", "csv", *args]) == 0
        parts += capsys.readouterr().out
    assert parts == whole
    rows = list(csv.DictReader(io.StringIO(whole)))
    assert [row["number"] for row in rows] == ["1", "2", "3"]
    assert rebuilt(rows)


def test_an_interrupted_export_says_where_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was written is whole, and the next call continues it."""
    real = formats.as_whole_json

    def interrupting(line: chain.Line) -> str:
        if line.number == 3:
            raise KeyboardInterrupt
        return real(line)

    monkeypatch.setattr(formats, "as_whole_json", interrupting)
    assert main(["audit", "export", "--format", "jsonl"]) == 130
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 2
    assert "--after 2" in captured.err


def test_a_reader_that_goes_away_is_no_trouble(tmp_path: Path) -> None:
    """`dh-bot audit list | head -1` ends without a traceback."""
    command = f"{sys.executable} -m bot audit list --json | head -1"
    environ = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "DATABASE_URL": f"sqlite:///{tmp_path}/dh-bot.db"}
    done = subprocess.run(command, shell=True, env=environ, capture_output=True, text=True, check=False)  # noqa: S602
    assert json.loads(done.stdout)["number"] == 1
    assert done.stderr == ""


def test_what_can_be_asked_for_can_be_looked_up(capsys: pytest.CaptureFixture[str]) -> None:
    """The greatest number is one that the database understands."""
    assert main(["audit", "list", "--json", "--after", str(2**63 - 1)]) == 0
    assert capsys.readouterr().out == ""


OUTPUTS = [
    (["list"], "No space left on device.", 0),
    (["list", "--json"], "No space left on device.", 0),
    (["show", f"{1:016x}"], "No space left on device.", 0),
    (["export", "--format", "csv"], "No space left on device. Begin anew", 0),
    (["export", "--format", "jsonl", "--after", "1"], "Go on behind the last whole line with --after 1", 0),
    # The first of the lines is shorter than that, the first two are not.
    (["export", "--format", "jsonl"], "Go on behind the last whole line with --after 1", 1000),
]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize(("command", "says", "room"), OUTPUTS, ids=lambda given: str(given)[:40])
def test_output_that_takes_no_more(tmp_path: Path, command: list[str], says: str, room: int) -> None:
    """A full disk is told in a sentence, once, and an export can be gone on with; nothing of it is a traceback."""
    program = [sys.executable, "-m", "bot", "audit", *command]
    environ = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "DATABASE_URL": f"sqlite:///{tmp_path}/dh-bot.db"}
    # The limit on the size of files would cut compiled modules off, too, and nobody could import them any more.
    environ["PYTHONDONTWRITEBYTECODE"] = "1"
    output = Path(tmp_path / "output" if room else "/dev/full")

    def only_so_much_room() -> None:
        if room:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    with output.open("wb") as full:
        done = subprocess.run(  # noqa: S603
            program,
            env=environ,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            preexec_fn=only_so_much_room,
        )
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done.stderr
    assert done.stderr.startswith("Standard output cannot be written: ")
    assert done.stderr.rstrip().endswith(says)
    if room:
        whole = output.read_text(encoding="utf-8").split("\n")[:-1]
        assert [json.loads(line)["number"] for line in whole] == [1]


def test_prune(ledger: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Says what will go and asks; then removes it, and the rest verifies. A running bot is in the way."""
    args = ["audit", "prune", "--before", "2026-11-22T12:00:05"]
    assert main(args) == 3
    assert "locked by another process" in capsys.readouterr().err
    ledger.close()
    monkeypatch.setattr("bot.cli.audit.now", lambda: after(3600))
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert main(args) == 130
    assert "1 events, up to number 1" in capsys.readouterr().out
    assert main([*args, "--yes"]) == 0
    assert "sound: 3 events verified; those up to 1 were pruned" in capsys.readouterr().out
    assert main(["audit", "verify", "--against", "1:00000000"]) == 1
    assert "were pruned" in capsys.readouterr().err
    assert main([*args, "--yes"]) == 0
    assert "nothing to remove" in capsys.readouterr().out


def test_a_broken_trail_is_not_pruned(ledger: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would show the tampering must not go."""
    tamper(ledger, "UPDATE events SET channel = 'C9' WHERE number = 1")
    monkeypatch.setattr("bot.cli.audit.now", lambda: after(3600))
    assert main(["audit", "prune", "--before", "2026-11-22T12:00:05", "--yes"]) == 1
    assert main(["audit", "list"]) == 0


def test_the_future_is_not_pruned(ledger: Store) -> None:
    """A slip in the year would take everything."""
    assert main(["audit", "prune", "--before", "2999-01-01", "--yes"]) == 2


def test_a_pruned_deletion_has_no_story(
    ledger: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other than one that never was."""
    ledger.deletions.propose(deletion(7, state=State.CANCELLED, ended_at=after(1)), event(Kind.PROPOSED, 7), max_open=9)
    ledger.close()
    monkeypatch.setattr("bot.cli.audit.now", lambda: after(3600))
    assert main(["audit", "prune", "--before", "2026-11-22T12:59", "--yes"]) == 0
    capsys.readouterr()
    assert main(["audit", "show", f"{7:016x}"]) == 1
    assert "have been pruned" in capsys.readouterr().err
