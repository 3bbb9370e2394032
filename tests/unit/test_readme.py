"""README.md: what it says about names, commands, messages and files is what the code says."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.cli.main import EXIT_STATUS, main
from bot.domain import outcomes
from bot.domain.job_states import DELETABLE
from bot.domain.model import (
    NEVER_LEFT,
    Actor,
    Attempt,
    Cause,
    ConfirmBy,
    Deletion,
    DeletionId,
    Job,
    JobId,
    Operation,
    Reply,
    State,
    Target,
)
from bot.domain.notifications import Tell, TellKind
from bot.domain.replies import OnDelete, on_delete
from bot.ledger.database.trouble import REMEDIES
from bot.settings.schema import Settings
from handlers.views.blocks import plain
from handlers.views.card import deletion_card
from handlers.views.thread import thread_message
from handlers.views.wording import Wording
from handlers.vocabulary import SUBCOMMANDS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```([^\n]*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PROSE = re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
SPANS = re.findall(r"`([^`\n]+)`", PROSE)


def block(info: str) -> str:
    """The one code block with this info string."""
    (found,) = [text for marked, text in BLOCKS if marked == info]
    return found


def code_lines() -> Iterator[str]:
    """Everything that README sets as code, line by line; what it shows of Slack is not something to type."""
    for info, text in BLOCKS:
        if not info.startswith("text"):
            yield from text.splitlines()
    yield from SPANS


def section(title: str) -> str:
    """The text below a heading, up to the next heading of any level."""
    return README.split(f"# {title}\n", maxsplit=1)[1].split("\n#", maxsplit=1)[0]


def rows(title: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


# Commands.


def test_every_make_target_exists() -> None:
    """What README tells to make is in the Makefile, and is explained by `make help`."""
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    told = {word for line in code_lines() for word in re.findall(r"\bmake(?: [A-Z]+=\S+)* ([a-z-]+)", line)}
    assert told >= {"sandbox", "test"}
    assert told <= set(targets)


def commands() -> set[str]:
    # Behind --name it is the name of a container.
    typed = re.compile(r"(?<!--name )\bdh-bot((?: (?:--)?[a-z][a-z-]*)+)")
    return {told for line in code_lines() for told in typed.findall(line)}


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line accepts what README tells to type: its words, and its options."""
    words = [word for word in command.split() if not word.startswith("-")]
    assert main([*words, "--help"]) == 0
    told = capsys.readouterr().out
    assert all(option in told for option in command.split() if option.startswith("--"))


def test_every_make_target_is_in_the_table() -> None:
    """What `make help` lists, and no other."""
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    told = [row[0].strip("`").removeprefix("make ") for row in rows("Development") if row[0].startswith("`make ")]
    assert sorted(told) == sorted(targets)


def test_every_subcommand_is_in_the_table() -> None:
    """Each that can be typed, and no other."""
    told = {row[0].strip("`").split()[0] for row in rows("What else can be typed")}
    assert told == SUBCOMMANDS.keys()


def test_the_exit_statuses_are_those_of_the_command_line() -> None:
    """The same numbers with the same words."""
    said = EXIT_STATUS.removeprefix("Exit status: ").rstrip(".").split(", ")
    table = [f"{status.strip('`')} {meaning.partition(':')[0]}" for status, meaning in rows("Exit status")]
    assert table == said


# What people see.

STATES_IN_ORDER = (
    *(State.AWAITING, State.DELETING, State.DELETED, State.FAILED, State.UNKNOWN),
    *(State.REFUSED, State.CANCELLED, State.EXPIRED),
)
ASKED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ANNA = Actor("U0ANNA", "T0TEAM")
REQUEST_ID = "e40c13061ce81f3c359bc897cddd2503"
OURS = Wording("/delete-dh-job", None, "production")
WAITING = Deletion(
    id=DeletionId("5f0c2a9be1d84c37"),
    target=Target("https://metastudio.cn-north-4.myhuaweicloud.com", "cn-north-4", "0123456789abcdef0123456789abcdef"),
    job=Job(
        job_id=JobId("26f06524-4f75-4b3a-a853-b649a21aaf66"),
        state="TRAIN_FAILED",
        name="Anchor Li",
        asset_id="a178f6739eec2774a54b16bd581cb8d8",
        create_time="2026-02-26T08:12:40Z",
        last_update_time="2026-02-27T06:03:11Z",
        model_version="V3.2",
        model_resolution="1080P",
        supported_service=("VIDEO_2D", "LIVE_2D"),
    ),
    state=State.AWAITING,
    requester=ANNA,
    channel="C0OPS",
    confirm_by=ConfirmBy.REQUESTER,
    asked_at=ASKED,
    reason="the customer took back their consent",
    message_ts="1772443801.000100",
    deadline_at=ASKED + timedelta(minutes=10),
)


def deleted() -> Deletion:
    confirmed = ASKED + timedelta(seconds=41)
    ended = confirmed + timedelta(seconds=0.7)
    sent = Attempt(
        1,
        "token",
        confirmed,
        confirmed + timedelta(seconds=5),
        ended,
        200,
        request_id=REQUEST_ID,
    )
    return replace(
        WAITING, state=State.DELETED, confirmer=ANNA, confirmed_at=confirmed, ended_at=ended, attempts=(sent,)
    )


def read(text: str) -> list[str]:
    """As a person reads it, word by word: README may break lines where Slack does not."""
    return plain(text).replace(f"<@{ANNA.user}>", "@anna").split()


def test_the_card_is_the_bot_s() -> None:
    """The card in README is word by word what the bot posts."""
    text = deletion_card(WAITING, OURS).text
    assert block("text card").split() == read(text), f"README should show:\n{plain(text)}"


def test_the_thread_is_the_bot_s() -> None:
    """So is the thread."""
    tells = (
        Tell(
            TellKind.OUTCOME,
            WAITING.id,
            WAITING.channel,
            WAITING.message_ts,
            {"trail": "1234:9f3a62c1d0b4e7aa"},
        ),
        Tell(
            TellKind.LOOKED,
            WAITING.id,
            WAITING.channel,
            WAITING.message_ts,
            {"found": "gone", "at": (ASKED + timedelta(seconds=78)).timestamp()},
        ),
    )
    text = "\n\n".join(thread_message(tell, deleted(), OURS).text for tell in tells)
    assert block("text thread").split() == read(text), f"README should show:\n{plain(text)}"


# How a deletion goes.


def test_the_states_of_a_deletion_are_in_the_table() -> None:
    """All that the ledger knows, but for the moment before there is one."""
    assert [row[0] for row in rows("How a deletion goes")] == [state.value for state in STATES_IN_ORDER]
    assert set(STATES_IN_ORDER) == set(State) - {State.NEW}


def reply(status: int | None, **how: Any) -> Reply:
    return Reply(Operation.DELETE, ASKED, status=status, body_ok=True, **how)


SAID_OF_REPLIES: dict[str, tuple[str, tuple[Reply, ...]]] = {
    # Words of README, what it says that they come to, and such replies to a DELETE.
    "200 or 204 with a request ID": ("deleted", (reply(200, request_id="r"), reply(204, request_id="r"))),
    "a refusal (most 4xx)": ("failed", (reply(400), reply(401), reply(403), reply(405), reply(413), reply(499))),
    "404, 409, 410, 412": ("unknown", (reply(404), reply(409), reply(410), reply(412))),
    "a 4xx with a code of MetaStudio other than `MSS.0000xxxx`": (
        "unknown",
        (reply(400, code="MSS.41000011"), reply(422, code="MSS.00010003")),
    ),
    "certainly never left": ("failed", tuple(reply(None, cause=cause) for cause in sorted(NEVER_LEFT))),
    "Every 5xx": ("unknown", (reply(500), reply(502), reply(503))),
    "500 with `MSS.00000004`": ("unknown", (reply(500, code="MSS.00000004"),)),
    "a timeout": ("unknown", (reply(None, cause=Cause.TIMED_OUT),)),
    "a cut connection": ("unknown", (reply(None, cause=Cause.CUT),)),
    "a success without a request ID": ("unknown", (reply(200), reply(204))),
    "throttled (429, or a 4xx with a code ending in 0308)": (
        OnDelete.AGAIN.value,
        (reply(429), reply(400, code="APIGW.0308"), reply(404, code="APIG.0308")),
    ),
}


@pytest.mark.parametrize("words", SAID_OF_REPLIES)
def test_what_replies_come_to_is_said_as_it_is(words: str) -> None:
    """README names the outcome in the paragraph in which it has these words; the code decides the same."""
    outcome, replies = SAID_OF_REPLIES[words]
    text = " ".join(section("How a deletion goes").split())
    paragraph = text[: text.index(words) + len(words)].rsplit(" - **", maxsplit=1)[-1]
    assert outcome == OnDelete.AGAIN.value or paragraph.startswith(f"{outcome}**")
    assert {on_delete(one).value for one in replies} == {outcome}


def test_a_throttled_delete_is_sent_again_as_often_as_is_said() -> None:
    """At most twice."""
    assert "is sent again, at most twice." in " ".join(section("How a deletion goes").split())
    assert [outcomes.may_send_again(reply(429), number) for number in (1, 2, 3)] == [True, True, False]


def test_every_trouble_of_the_ledger_is_in_the_table() -> None:
    """Each diagnosis that has a remedy, and no other."""
    table = section("Operating it").split("| diagnosis |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)) == REMEDIES.keys()


def test_the_deletable_states_are_named() -> None:
    """All eleven and no other."""
    states = set(re.findall(r"`([A-Z][A-Z_]+)`", section("What it refuses, and why")))
    named = states - {name.upper() for name in Settings.model_fields}
    assert named == DELETABLE


# The rest.


def test_each_dependency_has_its_reason() -> None:
    """The runtime dependencies of pyproject.toml, and no other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [re.split(r"[\[>=<]", text)[0] for text in project["dependencies"]]
    table = rows("Dependencies")
    assert sorted(row[0].strip("`") for row in table) == sorted(needed)
    assert all(row[1] for row in table)


def test_links_lead_somewhere() -> None:
    """Links to files, links to headings, and paths named in the text."""
    anchors = {
        re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.+)$", PROSE, re.MULTILINE)
    }
    for link in re.findall(r"\]\(([^)\s]+)\)", PROSE):
        if link.startswith("#"):
            assert link[1:] in anchors, link
        elif "://" not in link:
            assert (ROOT / link.partition("#")[0]).exists(), link
    for picture in re.findall(r'(?:src|srcset)="([^"]+)"', README):
        assert (ROOT / picture).exists(), picture
    for span in SPANS:
        if re.fullmatch(r"(?:bot|handlers|sandbox|tests|\.ci)/[\w./]*", span):
            assert (ROOT / span).exists(), span


def test_nothing_of_the_place_it_was_written_on() -> None:
    """No path of a machine, and no address but public ones."""
    hosts = set(re.findall(r"https?://([^/\s)>`]+)", README))
    public = {"api.slack.com", "slack.com", "metastudio.cn-north-4.myhuaweicloud.com"}
    assert hosts <= public | {"proxy.example.com:3128", "bot.example.com"}
    assert not re.search(r"(?<![\w.])/(?:work|home|root|tmp|opt)/", README)
