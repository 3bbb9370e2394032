"""Nothing secret and nothing personal gets out, in whatever test: every world is looked through when it ends.

The jobs of the sandbox are full of what must not enter the bot, and its tokens, keys and addresses are made up anew for
each world. So each test of the flow, of faults, of crashes is also one of this: what it logged, tracebacks included,
what it said to Slack and what is in its ledger holds none of them. A bot that runs in the test's own process does not
scrub its log of the secrets that it knows, as `dh-bot run` does, so its lines have to be clean by themselves.
"""

from __future__ import annotations

import json
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.flow.world import World

PERSONAL = (
    *("13800138000", "customer-4711", "studio-b", "autumn"),
    *("The ID card of Ms Li is blurred", "About the photo", "Please call me on 13900139000"),
    *("obs.example.com", "LINKKEY", "bearer-"),
)
"""What stands in the sandbox's jobs and must never enter the bot; a test keeps this true."""

NAME = b"Anchor Li"
"""What the sandbox calls its jobs, which people are shown, and no log is."""

OF_A_DELETION = frozenset({"delete_replied", "sending_failed", "redraw_failed"})
KINDS_OF_A_DELETION = frozenset(
    {
        *("proposed", "not_offered", "card_posted", "cancelled", "expired", "claimed", "replied", "outcome"),
        *("unknown", "read", "settled", "corrected", "closed_by_hand"),
    }
)
"""Lines, and kinds of events in lines `recorded`, that are about one deletion wherever they come from."""

IAM_PASSWORD = 'correct "horse" battery ünd staple'
"""With quotes and an umlaut, since JSON writes those in another way."""

TRIGGER_ID = re.compile(rb"\d\.\d{1,12}\.[0-9a-f]{32}")

WORLDS: list[World] = []
"""Those that have been started and not stopped."""


class Log:
    """Where the tests' bots log to: stderr, as it is then, and a memory of this test's lines.

    Of a test that logs for hours only the newest lines are kept, since such tests are about memory.
    """

    def __init__(self) -> None:
        self.lines: deque[str] = deque(maxlen=5000)

    def write(self, line: str) -> None:
        self.lines.append(line)
        sys.stderr.write(line)

    def flush(self) -> None:
        sys.stderr.flush()


LOG = Log()


def forbidden(w: World) -> list[bytes]:
    """Everything that opens something, and all that is personal, in the spellings in which it could turn up."""
    known = {
        *(w.slack.bot_token, w.slack.app_token, w.slack.signing_secret, w.slack.verification_token),
        *(key for one in w.cloud.gate.keys.values() for key in (one.ak, one.sk)),
        *w.cloud.gate.tokens,
        *(f"{w.slack.base}/{kind}/" for kind in ("commands", "actions")),  # how every response_url begins
        *PERSONAL,
        IAM_PASSWORD,
    }
    return [text.encode() for text in known | {json.dumps(one)[1:-1] for one in known}]


def look_through(w: World, *places: str) -> None:
    """Fail if anything has got out of this world, anywhere or into one of these places."""
    words = forbidden(w)
    _fail(
        f"{found[:12]!r}… in the {place}"
        for place, look in PLACES.items()
        if place in places or not places
        for found in _found(look(w), [*words, NAME] if place.startswith("log") else words)
    )


def look_through_the_log() -> None:
    """The same for the lines of this test, whichever of the worlds they are from."""
    words = [NAME, *(word for w in WORLDS for word in forbidden(w))] if LOG.lines else []
    _fail(f"{found[:12]!r}… in the log" for found in _found("".join(LOG.lines).encode(), words))


def look_for_the_deletion() -> None:
    """Fail if a line of this test that can only be about a deletion lacks its id."""
    for line in LOG.lines:
        if '"deletion": ' not in line and line.startswith("{"):
            said = json.loads(line)
            is_one = said["event"] in OF_A_DELETION or said.get("kind") in KINDS_OF_A_DELETION
            assert not is_one, f"the deletion's id is missing: {line}"


def _fail(found: Iterable[str]) -> None:
    if leaks := sorted(set(found)):
        raise AssertionError(f"what must not be seen was seen: {leaks}")


def _found(text: bytes, words: Iterable[bytes]) -> list[bytes]:
    return [*(word for word in words if word in text), *TRIGGER_ID.findall(text)]


def _calls(w: World) -> bytes:
    return _json({name: text for name, text in call.args.items() if name != "token"} for call in w.slack.calls)


def _messages(w: World) -> bytes:
    return _json((one.text, one.message.blocks if one.message else []) for one in w.slack.history)


def _json(values: Iterable[object]) -> bytes:
    return json.dumps(list(values), ensure_ascii=False, default=str).encode()


def ledger(w: World) -> bytes:
    """The pages of SQLite's files; on PostgreSQL every row of every table."""
    # Most tests need no ledger, and this module is loaded for all of them.
    from sqlalchemy import create_engine, make_url  # noqa: PLC0415

    from bot.ledger.schema.tables import metadata  # noqa: PLC0415

    url = make_url(w.environ()["DATABASE_URL"])
    if url.get_backend_name() == "sqlite":
        return b"".join(path.read_bytes() for path in w.folder.glob("ledger.db*"))
    engine = create_engine(url)
    with engine.connect() as connection:
        tables = [connection.exec_driver_sql(f"SELECT * FROM {name}") for name in metadata.tables]  # noqa: S608 - ours.
        found = "\n".join(str(tuple(row)) for rows in tables for row in rows)
    engine.dispose()
    return found.encode()


PLACES: dict[str, Callable[[World], bytes]] = {
    "log": lambda _: "".join(LOG.lines).encode(),
    "log of a process": lambda w: "\n".join(line for process in w.processes for line in process.log).encode(),
    "calls": _calls,
    "messages": _messages,
    "ledger": ledger,
}
