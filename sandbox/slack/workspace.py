"""The state of the local Slack without its traffic: its records and changes, the app's identity, and the checks."""

from __future__ import annotations

import copy
import hashlib
import hmac
import secrets
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.slack import block_kit as checks
from sandbox.slack.faults import Faults
from sandbox.slack.records import Call, Channel, Group, Happening, Message, Team, User, new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Answer = TypeVar("Answer")

SCOPES = frozenset({"commands", "chat:write", "users:read", "usergroups:read", "channels:read", "groups:read"})


class State:
    """The records and their changes. `changed` guards everything and is notified at every change."""

    def __init__(self, now: Callable[[], float], *, enterprise: bool) -> None:
        self.now = now
        self.changed = threading.Condition(threading.RLock())
        self.teams: dict[str, Team] = {}
        self.users: dict[str, User] = {}
        self.groups: dict[str, Group] = {}
        self.channels: dict[str, Channel] = {}
        self.homes: dict[str, dict[str, Any]] = {}
        self.history: list[Happening] = []
        self.violations: list[str] = []
        self.enterprise_id = new_id("E") if enterprise else None
        self.team_domain = "sandbox"
        self.team_id = self.add_team("Sandbox", domain=self.team_domain)
        self.bot_user_id = self.add_user("dh-job-bot", is_bot=True)
        self._last_ts = 0
        self._ims: dict[str, str] = {}

    def add_team(self, name: str, *, domain: str | None = None) -> str:
        """Add a workspace; the first one is the app's own."""
        team = Team(new_id("T"), name, domain or name.lower(), self.enterprise_id)
        self.teams[team.id] = team
        return team.id

    def add_user(self, name: str, *, team: str | None = None, user_id: str | None = None, **flags: Any) -> str:
        """Add a person (or with is_bot=True a bot); flags are those of `User`."""
        team_id = team or self.team_id
        if self.enterprise_id and team is None and "enterprise_user" not in flags:
            flags["enterprise_user"] = {"id": new_id("W"), "teams": [team_id], "enterprise_id": self.enterprise_id}
        user = User(user_id or new_id("U"), name, team_id, **flags)
        with self.changed:
            self.users[user.id] = user
        return user.id

    def add_group(self, handle: str, users: Iterable[str] = (), *, disabled: bool = False) -> str:
        """Add a user group."""
        group = Group(new_id("S"), handle, list(users), disabled)
        with self.changed:
            self.groups[group.id] = group
        return group.id

    def add_channel(
        self,
        name: str,
        members: Iterable[str] = (),
        *,
        bot: bool = True,
        private: bool = False,
        channel_id: str | None = None,
        **facts: Any,
    ) -> str:
        """Add a channel; facts are ext_shared, org_shared, archived, restricted."""
        kind = "private" if private else "public"
        return self._add_conversation(
            Channel(channel_id or new_id("C"), name, kind, [*members], self.team_id, **facts), bot=bot
        )

    def add_im(self, user: str, other: str | None = None) -> str:
        """Add a DM between two people, or open the one with the bot."""
        if other is None:
            return self.im_with_bot(user)
        return self._add_conversation(Channel(new_id("D"), "", "im", [user, other], self.team_id), bot=False)

    def add_mpim(self, members: Iterable[str], *, bot: bool = False) -> str:
        """Add a group DM."""
        people = [*members]
        name = "mpdm-" + "--".join(self.users[user].name for user in people) + "-1"
        return self._add_conversation(Channel(new_id("C"), name, "mpim", people, self.team_id), bot=bot)

    def _add_conversation(self, channel: Channel, *, bot: bool) -> str:
        with self.changed:
            if bot:
                channel.members.append(self.bot_user_id)
            self.channels[channel.id] = channel
        return channel.id

    def im_with_bot(self, user: str) -> str:
        """Return the id of the DM between a person and the bot; opens the DM if there is none."""
        with self.changed:
            if user not in self._ims:
                channel = Channel(new_id("D"), "", "im", [user], self.team_id)
                self._ims[user] = self._add_conversation(channel, bot=True)
            return self._ims[user]

    def next_ts(self) -> str:
        """Make a ts: the time in microseconds, but always later than the one before."""
        with self.changed:
            self._last_ts = max(self._last_ts + 1, int(self.now() * 1_000_000))
            return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    @staticmethod
    def with_block_ids(blocks: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
        """Copy blocks and add a block_id to those without one, as Slack does."""
        return [{"block_id": secrets.token_hex(3), **copy.deepcopy(block)} for block in blocks or []]

    def put(self, channel_id: str, said: dict[str, Any], *, via: str, only_for: str | None = None) -> Message:
        """Add a message of the bot."""
        with self.changed:
            channel = self.channels[channel_id]
            message = Message(
                channel=channel_id,
                ts=self.next_ts(),
                text=said.get("text") or "",
                blocks=self.with_block_ids(said.get("blocks")),
                author=self.bot_user_id,
                at=self.now(),
                via=via,
                thread_ts=said.get("thread_ts"),
                only_for=only_for,
                metadata=said.get("metadata"),
            )
            self._add_message(channel, message)
            return message

    def say(self, user: str, channel_id: str, text: str, *, thread: Message | None = None) -> Message:
        """Post a message of a person."""
        with self.changed:
            message = Message(channel_id, self.next_ts(), text, [], user, self.now(), "typed")
            message.thread_ts = thread.ts if thread else None
            self._add_message(self.channels[channel_id], message)
            return message

    def _add_message(self, channel: Channel, message: Message) -> None:
        channel.messages.append(message)
        if not message.ephemeral:
            channel.by_ts[message.ts] = message
        parent = channel.by_ts.get(message.thread_ts or "")
        if parent is not None:
            parent.replies.append(message)
        self._happened("posted", message)

    def rewrite(self, message: Message, said: dict[str, Any]) -> None:
        """Change a message. Text without blocks removes the old blocks; blocks alone leave the text (rulebook 4.2)."""
        with self.changed:
            message.versions.append((message.text, message.blocks))
            if said.get("blocks") is not None or said.get("text") is not None:
                message.blocks = self.with_block_ids(said.get("blocks"))
            if said.get("text") is not None:
                message.text = said["text"]
            if said.get("metadata") is not None:
                message.metadata = said["metadata"] or None
            self._happened("updated", message)

    def delete_message(self, message: Message) -> None:
        """Delete a message, as its author or somebody with the right would."""
        with self.changed:
            message.deleted = True
            self._happened("deleted", message)

    def publish_home(self, user: str, view: dict[str, Any]) -> None:
        """Show a Home tab."""
        self.homes[user] = view
        self.history.append(Happening("home", self.now(), None, "", user))
        self.notify()

    def _happened(self, what: str, message: Message) -> None:
        self.history.append(Happening(what, self.now(), message, message.text, message.only_for))
        self.changed.notify_all()

    def notify(self) -> None:
        """Wake every thread that waits for a change."""
        with self.changed:
            self.changed.notify_all()

    def wait_for(self, predicate: Callable[[], Answer], timeout: float = 5.0) -> Answer:
        """Wait until the predicate returns something true, and return that; raises TimeoutError."""
        with self.changed:
            found = self.changed.wait_for(predicate, timeout)
            if not found:
                raise TimeoutError(f"not within {timeout} s")
            return found


class Workspace(State):
    """What every part of the local Slack works on: the state, the app's identity, the switches, and the checks."""

    ticket_url: Callable[[], str]
    """Makes the address of a new link. `Slack` sets it, and ``base``."""
    base: str
    """Scheme, host and port of the Web API."""

    def __init__(
        self,
        *,
        strict: bool,
        scopes: Iterable[str],
        now: Callable[[], float],
        command: str,
        enterprise: bool,
    ) -> None:
        super().__init__(now, enterprise=enterprise)
        self.strict = strict
        self.scopes = set(scopes)
        self.command_name = command
        self.app_id, self.bot_id = new_id("A"), new_id("B")
        self.bot_token = f"xoxb-{secrets.randbelow(10**12)}-{secrets.randbelow(10**12)}-{secrets.token_hex(12)}"
        self.app_token = f"xapp-1-{self.app_id}-{secrets.randbelow(10**12)}-{secrets.token_hex(32)}"
        self.signing_secret = secrets.token_hex(16)
        self.verification_token = secrets.token_hex(12)
        self.rate_limit, self.rate_burst = False, 3
        self.rate_levels: dict[str, tuple[float, float]] = {}
        self.paid_plan = self.messages_tab = self.home_tab = self.socket_mode = True
        self.replaces_acks = True
        self.edit_window: float | None = None
        self.ack_within = 3.0
        self.deliver_http_to: str | None = None
        self.trusts: ssl.SSLContext | None = None
        self.before_call: Callable[[Call], None] | None = None
        self.after_call: Callable[[Call], None] | None = None
        self.calls: list[Call] = []
        self.faults = Faults()

    def violation(self, what: str) -> None:
        """Note that the app broke a rule or an advice of Slack."""
        self.violations.append(what)

    def check_content(self, where: str, said: dict[str, Any]) -> list[str]:
        """Check text and blocks: returns what Slack refuses (noted too), and notes what it advises against."""
        if not self.strict:
            return []
        for name in ("link_names", "parse", "as_user", "attachments", "markdown_text"):
            if said.get(name):
                self.violation(f"{where}: {name} is set (rulebook 3.8, 4.3)")
        blocks = said.get("blocks")
        problems = checks.check_blocks(blocks) if blocks else []
        if problems:
            self.violation(f"{where}: invalid_blocks {problems}")
            return problems
        self.advise(where, said.get("text") or "", blocks or [])
        return []

    def advise(self, where: str, text: str, blocks: list[dict[str, Any]]) -> None:
        """Note what Slack accepts but advises against."""
        if self.strict:
            for advice in (*checks.advice_on_text(text), *checks.advice_on_blocks(blocks)):
                self.violation(f"{where}: {advice}")

    def as_slack_shows(self, message: Message) -> dict[str, Any]:
        """Write a message as it appears in API answers and click payloads."""
        shown: dict[str, Any] = {
            "type": "message",
            "user": message.author,
            "bot_id": self.bot_id,
            "app_id": self.app_id,
            "team": self.team_id,
            "ts": message.ts,
            "text": message.text,
            "blocks": message.blocks,
        }
        if message.thread_ts:
            shown["thread_ts"] = message.thread_ts
        if message.metadata:
            shown["metadata"] = message.metadata
        return shown

    def sign(self, body: bytes, timestamp: float | None = None) -> dict[str, str]:
        """Sign a request body as Slack does (rulebook 7.1), with the real time, since the bot checks against that."""
        at = str(int(time.time() if timestamp is None else timestamp))
        base = b"v0:" + at.encode() + b":" + body
        digest = hmac.new(self.signing_secret.encode(), base, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": f"v0={digest}", "User-Agent": "Slackbot 1.0"}
