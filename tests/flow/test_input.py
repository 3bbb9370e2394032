"""What people type, and what names contain: nothing is repaired, nothing pings, nothing leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from handlers.subcommands import AT_ONCE, BEHIND_THE_ACK
from handlers.vocabulary import SUBCOMMANDS
from sandbox.slack.slack import Message
from tests.flow.world import World, world

BAD_IDS = {
    "parent folder": "../x",
    "slash": "a/b",
    "percent-encoded": "%2e%2e",
    "mention": "<@U1>",
    "full-width digits": "１２３",
    "NUL": "a\x00b",
    "unit separator": "abc\x1fdef",
    "colon": "abc: def",
    "address": "https://abc/def",
    "two pairs of formatting": "*`abc`*",
    "half a pair": "`abc",
    "zero-width space": "abc\u200b",
    "5,000 characters": "a" * 5000,
    "65 characters": "a" * 65,
    "leading underscore": "_abc",
    "cyrillic look-alike": "аbc",
    "dotless i": "ıd",
}


@pytest.mark.parametrize("text", BAD_IDS.values(), ids=BAD_IDS.keys())
def test_a_bad_job_id_is_refused_in_the_ack_and_no_request_leaves(w: World, text: str) -> None:
    """The rule is named in the ack; neither Slack nor MetaStudio is called; of the input only its length is kept."""
    calls = len(w.slack.calls)
    asked = w.slack.command(w.anna, w.ops, text)
    said = asked.wait_ack()["text"]
    w.idle()
    assert "Not a job id" in said
    assert text.strip() not in said.replace("job id", "")
    assert not w.cloud.requests
    assert len(w.slack.calls) == calls
    refusal = w.trail()[-1].event
    assert refusal.kind == "refused"
    assert refusal.facts["length"] == len(text)
    assert text.strip() not in w.trail()[-1].text


def test_a_missing_reason_is_said_in_the_ack(tmp_path: Path) -> None:
    """REASON_REQUIRED takes no look-up: the ack says what is missing, and neither Slack nor MetaStudio is called."""
    with world(tmp_path, REASON_REQUIRED="true") as w:
        job = w.cloud.add_job(state="TRAIN_FAILED")
        calls = len(w.slack.calls)
        said = w.slack.command(w.anna, w.ops, job).wait_ack()["text"]
        w.idle()
        assert "A reason is required here" in said
        assert len(w.slack.calls) == calls
        assert not w.cloud.requests
        assert w.trail()[-1].event.facts["reason"] == "reason_missing"
        w.card(job, reason="consent taken back")


UUID, DIGITS = "26f06524-4f75-4b3a-a853-b649a21aaf66", "efc5300ecdba4ea48d1ff13a9d907bc0"

NO_CARD = {
    # Typed, and what the ack says; none of these is looked up.
    f"{UUID} {DIGITS}": "One job at a time",
    f"{UUID},{DIGITS}": "One job at a time",
    f"{UUID}；{DIGITS} old": "One job at a time",
    f"{UUID}、--dry-run {DIGITS}": "One job at a time",
    f"{UUID} --force": "there are `--dry-run` and `--help`",
    f"{UUID} —because": "there are `--dry-run` and `--help`",
    f"{UUID} old --dry-run": "An option stands before the reason",
    f"{UUID} dry run": "Did you mean `/delete-dh-job dry-run &lt;job_id&gt;`?",
    f"{UUID} help": "`/delete-dh-job &lt;job_id&gt; [reason]` asks",
    f"{UUID} --help": "`/delete-dh-job &lt;job_id&gt; [reason]` asks",
    "-abc": "there are `--dry-run` and `--help`",
    "hlep": "Did you mean `/delete-dh-job help`?",
    "helſ": "Did you mean `/delete-dh-job help`?",
    "histroy": "Did you mean `/delete-dh-job history`?",
    f"cancel {UUID}": "press *Cancel* on its card",
    f"delete {UUID}": "type the id right behind the command",
    f"remove {UUID}": "type the id right behind the command",
    "freez": "*Nothing was frozen.*",
    "stop everything": "*Nothing was frozen.*",
    f"dry-run freez {UUID}": "*Nothing was frozen.*",
}


@pytest.mark.parametrize(("text", "says"), NO_CARD.items())
def test_what_is_no_ask_for_a_card_is_answered_in_the_ack(tmp_path: Path, text: str, says: str) -> None:
    """No read at MetaStudio, no card, and no line in the audit channel about a job."""
    with world(tmp_path) as w:
        w.stop_bot()
        log = w.slack.add_channel("log", members=[w.anna])
        w.run_bot(AUDIT_CHANNEL=log)
        assert says in w.slack.command(w.anna, w.ops, text).wait_ack()["text"]
        w.idle()
        w.tick(1)
        assert not w.cloud.requests
        assert w.slack.messages(w.ops) == []
        assert [one.event.job for one in w.trail()] == [None] * len(w.trail())
        assert not any("asked" in line.text or UUID in line.text for line in w.slack.messages(log))


@pytest.mark.parametrize(
    "form",
    [
        "{}\u00a0because",
        "\u3000{}\u3000because",
        "{}\nbecause",
        "`{}` because",
        "“{}” because",
        "<{}>, because",
        "&lt;{}&gt; because",
        "*{}*，because",
        "{} -- because",
    ],
)
def test_an_id_as_people_paste_it_gets_its_card(w: World, form: str) -> None:
    """White space of any kind, one pair of formatting, a comma: the id is the same, and so is the reason."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.ask(form.format(job))
    (card,) = w.slack.messages(w.ops)
    assert job in card.text
    assert "Reason: because" in shown(card)


@pytest.mark.parametrize(
    "form",
    [
        *(f"{{}} {dashes}dry-run" for dashes in ("", "-", "--", "–", "—", "——")),
        *(f"{dashes}dry-run {{}}" for dashes in ("", "-", "--", "–", "—", "——")),
        "`--dry-run` `{}` because",
        "DRY-RUN: {}",
    ],
)
def test_a_rehearsal_is_one_however_it_is_typed(w: World, form: str) -> None:
    """Before the id or behind it, with the dashes that phones make of two hyphens: nothing is posted or kept."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.ask(form.format(job))
    assert "Dry run" in w.said_to(w.anna)[-1]
    assert w.slack.messages(w.ops) == []
    assert w.find_deletion(job) is None


@pytest.mark.parametrize("typed", ["R&D wants <this>", "R&amp;D wants &lt;this&gt;"])
def test_a_reason_is_shown_as_it_was_typed(w: World, typed: str) -> None:
    """Whether Slack sends its entities or not: decoded once, escaped once."""
    card = w.card(w.cloud.add_job(state="TRAIN_FAILED"), reason=typed)
    assert "Reason: R&D wants <this>" in shown(card)
    assert "Reason: R&amp;D wants &lt;this&gt;" in card.text


def test_what_stands_behind_other_subcommands_is_read_alike(w: World) -> None:
    """White space of any kind, names besides the first, and an id in backticks."""
    job = w.cloud.add_job(state="TRAIN_FAILED", name="张三\u3000李四")
    for text, says in (
        ("find\u3000张三", f"`{job}`"),
        ("search\u00a0张三 李四", f"`{job}`"),
        ("whoami\u00a0", f"You are <@{w.anna}>"),
        ("status", "No card waits"),
        ("LIST:", "No card waits"),
        (f"history `{job}`", f"No deletion was asked for job `{job}`"),
    ):
        w.ask(text)
        assert says in w.said_to(w.anna)[-1]


@pytest.mark.parametrize("text", ["", "   ", "help", "HELP", " help ", "help me", "?", "-h", "--help", "—help", "帮助"])
def test_nothing_and_help_show_the_usage(w: World, text: str) -> None:
    """The usage, without any call."""
    said = w.slack.command(w.anna, w.ops, text).wait_ack()["text"]
    assert "&lt;job_id&gt; [reason]" in said
    assert not w.cloud.requests


def test_every_subcommand_is_answered(w: World) -> None:
    """None of them is taken for a job id, whatever its case; what they need is typed behind them or asked for."""
    assert AT_ONCE.keys() | BEHIND_THE_ACK.keys() == SUBCOMMANDS.keys()
    for name in sorted(SUBCOMMANDS):
        w.ask(name.upper())
        told = [message.text for message in w.slack.ephemerals(w.anna)]
        assert told
        assert not any(text.startswith("Checking") for text in told)
    assert not w.cloud.requests


def test_a_reason_that_is_too_long_is_refused_and_not_cut(w: World) -> None:
    """500 characters pass, 501 do not."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    assert "500 characters" in w.slack.command(w.anna, w.ops, f"{job} {'x' * 501}").wait_ack()["text"]
    assert not w.cloud.requests
    assert "x" * 500 in w.card(job, reason="x" * 500).text


def test_a_required_reason_is_asked_for(tmp_path: Path) -> None:
    """REASON_REQUIRED: without one nothing is offered; with one it is."""
    with world(tmp_path, REASON_REQUIRED="true") as w:
        job = w.cloud.add_job(state="TRAIN_FAILED")
        w.ask(job)
        assert "A reason is required" in w.said_to(w.anna)[-1]
        w.card(job, reason="old")


HOSTILE = "<!channel> *x* <https://e|y> @everyone <@U1> <!date^1^{time}|x> & `code` :x: ~s~ \u202egnp.exe"


def shown(message: Message) -> str:
    """Every text of a message's blocks that is plain text, as typed."""
    return "\n".join(
        block["text"]["text"] for block in message.blocks if block.get("text", {}).get("type") == "plain_text"
    )


def test_a_hostile_name_pings_nobody_and_shows_as_typed(w: World) -> None:
    """A name full of markup is plain text on the card; what would reorder text is shown by its code point."""
    job = w.cloud.add_job(state="TRAIN_FAILED", name=HOSTILE)
    card = w.card(job, reason=HOSTILE.replace("\u202e", ""))
    typed = HOSTILE.replace("\u202e", "<U+202E>")
    assert f"Name: {typed}" in shown(card)
    assert "Reason: <!channel> *x*" in shown(card)
    assert w.slack.notified(card) <= {w.anna}
    w.cloud.change(job, name="<!here> *y*")
    w.press(card)
    for message in (*w.slack.thread(card), *w.slack.ephemerals(w.anna)):
        assert w.slack.notified(message) <= {w.anna}
        assert "\u202e" not in message.text


@pytest.mark.parametrize("field", ["asset_id", "model_version", "model_resolution", "create_time", "last_update_time"])
def test_hostile_values_in_other_fields_ping_nobody(w: World, field: str) -> None:
    """Every field that the card shows is escaped, whatever MetaStudio puts into it."""
    job = w.cloud.add_job(state="TRAIN_FAILED", **{field: HOSTILE})
    assert w.slack.notified(w.card(job)) <= {w.anna}


def test_the_longest_of_everything_is_still_a_card(w: World) -> None:
    """A name of 5,000 ampersands, a reason of 500, many services: Slack takes the card, and it keeps its warning."""
    job = w.cloud.add_job(
        state="JOB_SUCCESS",
        name="&" * 5000,
        supported_service=["VIDEO_2D"] * 50,
        asset_id="a" * 500,
        model_version="<" * 99,
    )
    card = w.card(job, reason="&" * 500)
    assert "No undo." in card.text
    assert len(card.text) <= 4000
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1
    assert card.buttons == []
