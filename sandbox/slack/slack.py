"""A strict local Slack for `dh-bot sandbox`, the tests and the benchmarks.

It plays Slack's side of the wire on loopback: the Web API, response_urls, Socket Mode and signed HTTP deliveries. It
is strict: it refuses what Slack refuses, with Slack's error code, and writes what Slack only advises against to
`slack.violations`, so that a test can end with `assert not slack.violations`. The rules are those of the Slack
rulebook (slack-platform.md); "[?]" marks what Slack does not document.

    with Slack() as slack:
        anna = slack.add_user("anna")
        ops = slack.add_channel("ops", members=[anna])              # the bot is in it unless bot=False
        app = App(token=slack.bot_token, client=WebClient(slack.bot_token, base_url=slack.url), ...)
        ...
        asked = slack.command(anna, ops, "job-1 reason")            # /delete-dh-job job-1 reason
        asked.wait_ack()                                            # {"text": ...}; NotAcked after 3 s
        card = slack.wait_for(lambda: slack.messages(ops))[0]
        slack.click(anna, card, "confirm").wait_ack()
        slack.wait_for(lambda: slack.thread(card))

**Slack(...)**  `Slack(*, strict=True, scopes=SCOPES, now=time.time, command="/delete-dh-job", port=0, tls=None,
enterprise=False)`; `start()`, `stop()`, context manager. `strict=False` switches the Block Kit and text checks off
(benchmarks). `now` is the clock of messages, response_urls and the rate law.

**Identity**  `url` (Web API base, ends in /api/), `bot_token`, `app_token`, `signing_secret`, `app_id`, `team_id`,
`bot_user_id`, `bot_id`, `team_domain`, `enterprise_id` (None unless enterprise=True).

**World**  (all return ids)
  `add_team(name)`; `add_user(name, *, team=None, user_id=None, **flags)` with flags is_bot, deleted, is_restricted,
  is_ultra_restricted, is_stranger, enterprise_user, hidden; `add_group(handle, users=(), *, disabled=False)`;
  `add_channel(name, members=(), *, bot=True, private=False, ext_shared=False, org_shared=False, archived=False,
  restricted=None, channel_id=None)`; `add_im(user, other=None)` (other=None: with the bot);
  `add_mpim(members, *, bot=False)`.
  The records `users[id]`, `groups[id]`, `channels[id]` may be changed: `slack.users[anna].deleted = True`.

**Switches**  `scopes` (set), `rate_limit` (1 message/s/channel, burst `rate_burst`), `paid_plan`,
  `messages_tab`, `home_tab`, `edit_window` (seconds or None), `socket_mode`, `ack_within` (3.0), `replaces_acks`
  (False: replace_original with a command's response_url shows a new message),
  `deliver_http_to` (a URL: payloads go there as signed requests instead of to sockets; `trusts` is the TLS context for
  an https one), `before_call(call)` and
  `after_call(call)` (hooks, called without a lock held, so they may block: the world stops at that boundary).

**People act**
  `command(user, channel, text, *, command=None, force=False) -> Invocation`
  `click(user, message, action_id, *, value=None, block_id=None, force=False) -> Invocation` (`value` forges another
  value; what a person could not do raises Impossible unless force=True: a button that the current version does not
  have, somebody else's ephemeral message, not in the channel, deactivated)
  `click_home(user, action_id)`, `home_opened(user, tab="home")`, `redeliver(invocation)` (Events API retry),
  `replay(invocation)` (the very same command or click once more)
  `say(user, channel, text, thread=None)`, `delete_message(message)`, `archive(channel)`, `kick_bot(channel)`.
  An Invocation has `wait_ack(timeout=3.0) -> dict` (the ack's payload, {} when empty; raises NotAcked with
  "dispatch_failed" or "operation_timeout"), `acked`, `ack_seconds`, `error`, `answers` (messages shown by its ack and
  its response_url), `wait_answer(timeout=5, n=1) -> Message` (the n-th), `payload`, `response_url`, `trigger_id`.

**Reading**  `messages(channel)` (top level, seen by all), `thread(message)` (replies, without the parent),
  `dm(user)` (what the bot wrote to them), `ephemerals(user, channel=None)`, `seen_by(user, channel)` (everything that
  they see there, threads and ephemerals included, in order), `message(channel, ts)`, `homes[user]` (the view),
  `history` (every visible change in order: Happening), `calls` and `calls_to(method)` (Call: method, args, token, at,
  response, status, fault), `people.late_acks`, `violations` (list of str), `plain(message)` (for a terminal),
  `notified(message)` (whom it pings: user and group ids, "here", "channel", "everyone"),
  `wait_for(predicate, timeout=5)` (woken at every change; returns what the predicate returned).
  A Message has channel, ts, text, blocks, buttons, author, thread_ts, only_for, ephemeral, via, versions, contents,
  replies, metadata, deleted. It is live: after chat.update the same object says the new thing.

**Socket Mode**  `sockets.links` (live connections), `sockets.wait_connected(n=1, timeout=5)`,
  `sockets.drop(link=None)` (RST; None: all), `sockets.go_silent(link=None)` (never sends again, answers no ping),
  `sockets.disconnect(reason, link=None, close=...)` (warning, refresh_requested, link_disabled), `sockets.refuse`
  (True: the WebSocket handshake gets 503), `sockets.mute` (True: new links are silent from birth),
  `sockets.pick` (a callable that chooses among the live links), `sockets.base` (another address for new links).

**Faults**  `faults.add(method, kind, times=1, when="before"|"after", where=None, skip=0, ...) -> Fault`, kinds
  ratelimited, http, error, silence, reset, cut, drop, latency; see sandbox/slack/faults.py.

**Signed requests by hand**  `sign(body, timestamp=None) -> headers`.
"""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING, Any, Self

from sandbox.slack import block_kit as checks
from sandbox.slack import plain as slack_plain
from sandbox.slack.invocation import Invocation
from sandbox.slack.people import People
from sandbox.slack.records import Call, Channel, Impossible, Message, NotAcked, User
from sandbox.slack.response_urls import Hooks
from sandbox.slack.sockets import Sockets
from sandbox.slack.web_api import Front
from sandbox.slack.workspace import SCOPES, Workspace

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

__all__ = ["SCOPES", "Call", "Channel", "Impossible", "Invocation", "Message", "NotAcked", "Slack", "User"]


class Slack(Workspace):
    """The whole of it; see the module's docstring."""

    def __init__(
        self,
        *,
        strict: bool = True,
        scopes: Iterable[str] = SCOPES,
        now: Callable[[], float] = time.time,
        command: str = "/delete-dh-job",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        enterprise: bool = False,
    ) -> None:
        super().__init__(strict=strict, scopes=scopes, now=now, command=command, enterprise=enterprise)
        self.hooks = Hooks(self)
        self.sockets = Sockets(self, lambda *ack: self.people.acked(*ack))  # noqa: PLW0108 - people come after it
        self.people = People(self, self._deliver, self.hooks.register)
        self.front = Front(self, self.hooks, self.sockets, port, tls)
        self.ticket_url = self.sockets.ticket_url

    def _deliver(self, envelope: dict[str, Any]) -> bool:
        """Find `deliver` at each envelope, since a test may replace it."""
        return self.sockets.deliver(envelope)

    def start(self) -> Self:
        """Serve."""
        self.front.start()
        return self

    def stop(self) -> None:
        """Release everything that a fault holds up, close the sockets and stop serving."""
        self.faults.clear()
        self.sockets.end()
        self.front.stop()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    @property
    def base(self) -> str:
        """Scheme, host and port."""
        return self.front.url

    @property
    def invocations(self) -> list[Invocation]:
        """What people did, in order."""
        return self.people.invocations

    @property
    def url(self) -> str:
        """The Web API's base address."""
        return f"{self.base}/api/"

    # People act.

    def command(
        self, user: str, channel: str, text: str = "", *, command: str | None = None, force: bool = False
    ) -> Invocation:
        """Let a person run the slash command."""
        return self.people.command(user, channel, text, command or self.command_name, force=force)

    def click(
        self,
        user: str,
        message: Message,
        action_id: str,
        *,
        value: str | None = None,
        block_id: str | None = None,
        force: bool = False,
    ) -> Invocation:
        """Let a person press a button of a message."""
        return self.people.click(user, message, action_id, value, block_id, force=force)

    def click_home(self, user: str, action_id: str, *, value: str | None = None, force: bool = False) -> Invocation:
        """Let a person press a button of their Home tab."""
        return self.people.click_home(user, action_id, value, force=force)

    def home_opened(self, user: str, tab: str = "home") -> Invocation:
        """Let a person open the app's Home tab."""
        return self.people.home_opened(user, tab)

    def redeliver(self, invocation: Invocation) -> Invocation:
        """Deliver an event again."""
        return self.people.redeliver(invocation)

    def replay(self, invocation: Invocation, url: str | None = None) -> Invocation:
        """Send exactly the same once more, over HTTP to `url` if it is given."""
        return self.people.replay(invocation, url)

    def archive(self, channel: str, *, archived: bool = True) -> None:
        """Archive a channel."""
        with self.changed:
            self.channels[channel].archived = archived

    def kick_bot(self, channel: str) -> None:
        """Remove the bot from a channel."""
        with self.changed:
            self.channels[channel].members.remove(self.bot_user_id)

    # What can be seen.

    def messages(self, channel: str) -> list[Message]:
        """List the top-level messages that all members see."""
        with self.changed:
            found = self.channels[channel].by_ts.values()
            return [message for message in found if message.thread_ts is None and not message.deleted]

    def thread(self, message: Message) -> list[Message]:
        """List the replies to a message that all members see."""
        with self.changed:
            return [reply for reply in message.replies if not reply.ephemeral and not reply.deleted]

    def message(self, channel: str, ts: str) -> Message:
        """Find a message by its ts."""
        return self.channels[channel].by_ts[ts]

    def dm(self, user: str) -> list[Message]:
        """List what stands in the DM between the bot and a person."""
        return self.messages(self.im_with_bot(user))

    def ephemerals(self, user: str, channel: str | None = None) -> list[Message]:
        """List what only this person sees, in one channel or all."""
        with self.changed:
            places = [self.channels[channel]] if channel else list(self.channels.values())
            return [each for place in places for each in place.messages if each.only_for == user and not each.deleted]

    def seen_by(self, user: str, channel: str) -> list[Message]:
        """List everything that a person sees in a channel, in order, threads and ephemeral messages included."""
        with self.changed:
            place = self.channels[channel]
            if user not in place.members:
                return []
            return [each for each in place.messages if each.only_for in (None, user) and not each.deleted]

    def calls_to(self, method: str) -> list[Call]:
        """List the calls to one method, in order."""
        with self.changed:
            return [call for call in self.calls if call.method == method]

    def plain(self, message: Message) -> str:
        """Render a message for a terminal."""
        names = {user.id: user.name for user in self.users.values()}
        names |= {channel.id: channel.name for channel in self.channels.values()}
        return slack_plain.plain(message, lambda each: names.get(each, each))

    def notified(self, message: Message) -> set[str]:
        """Say whom a message pings: user and group ids, "channel", "here", "everyone"."""
        return checks.notifies(message.text, message.blocks)
