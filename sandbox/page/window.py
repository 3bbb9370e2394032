"""One open browser window. Changes are sent to the page; what a person does in it is done in the scene."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sandbox.page import traffic
from sandbox.page.scene import SETTLE_AFTER
from sandbox.page.waiting import under_way
from sandbox.slack.records import Channel, Impossible, Message, NotAcked

if TYPE_CHECKING:
    from sandbox.page.ledger import Ledger
    from sandbox.page.scene import Scene
    from sandbox.page.troubles import Troubles
    from sandbox.wire.websocket import Link

COALESCE = 0.04
"""Seconds in which changes are gathered before they are sent to a window."""


class Window:
    """One browser window, acting as one person at a time."""

    def __init__(self, scene: Scene, ledger: Ledger, troubles: Troubles, run_id: str, link: Link) -> None:
        self.scene, self.ledger, self.troubles, self.link = scene, ledger, troubles, link
        self._run_id = run_id
        self.user = self.scene.anna.id
        self._sent: dict[str, Any] = {}
        """What the window has: a key for each thing, and the form in which it was last sent."""
        self._acting = threading.Lock()

    def run(self) -> None:
        """Serve the window until it closes."""
        self.link.send(hello(self.scene, self._run_id))
        notifier = threading.Thread(target=self._notify, daemon=True)
        notifier.start()
        try:
            while self.link.is_open and (data := self.link.sock.recv(65536)):
                for text in self.link.feed(data):
                    self._heard(text)
        except OSError:
            pass
        finally:
            self.link.alive = False
            self.scene.notify()

    # ------------------------------------------------------------------------------------------------------------ send

    def _notify(self) -> None:
        """Send the changes whenever something has changed."""
        scene, known = self.scene, -1
        while self.link.is_open and not scene.stopping.is_set():
            with scene.changed:
                scene.changed.wait_for(lambda: scene.version != known or not self.link.is_open, 5)  # noqa: B023
                known = scene.version
            with self._acting:
                news = self._news()
                if news and not self.link.send(news):
                    return
            scene.stopping.wait(COALESCE)

    def _news(self) -> dict[str, Any]:
        scene, slack = self.scene, self.scene.slack
        news: dict[str, Any] = {}
        with slack.changed:
            channels = [self._channel(each) for each in slack.channels.values() if self._sees(each)]
            messages = [
                self._message(each)
                for channel in channels
                for each in slack.seen_by(self.user, channel["id"])
                if self._is_new(f"message {each.ts}", (len(each.versions), len(each.replies)))
            ]
            gone = [each.ts for channel in channels for each in slack.channels[channel["id"]].messages if each.deleted]
            home = slack.homes.get(self.user)
        whole = {
            "channels": channels,
            "home": home,
            "gone": gone,
            "bot": scene.bot_view(),
            "jobs": scene.jobs_view(),
            "troubles": self.troubles.view(),
            "under_way": under_way(scene),
            "ledger": {"missing": self.ledger.missing},
        }
        news |= {name: value for name, value in whole.items() if self._is_new(name, json.dumps(value))}
        rows = traffic.rows(scene, lambda name, answer: self._is_new(f"row {name}", answer))
        events = [each for each in list(self.ledger.events) if self._is_new(f"event {each['number']}", 1)]
        news |= {name: value for name, value in (("messages", messages), ("rows", rows), ("events", events)) if value}
        return news | ({"as": self.user} if news else {})

    def _is_new(self, name: str, form: object) -> bool:
        if self._sent.get(name) == form:
            return False
        self._sent[name] = form
        return True

    def _sees(self, channel: Channel) -> bool:
        return self.user in channel.members

    @staticmethod
    def _channel(channel: Channel) -> dict[str, Any]:
        return {"id": channel.id, "name": channel.name, "kind": channel.kind, "shared": channel.ext_shared}

    def _message(self, message: Message) -> dict[str, Any]:
        return {
            "channel": message.channel,
            "ts": message.ts,
            "at": message.at,
            "thread": message.thread_ts,
            "author": message.author,
            "text": message.text,
            "blocks": message.blocks,
            "private": message.ephemeral,
            "edited": len(message.versions),
            "replies": sum(1 for each in message.replies if not each.ephemeral and not each.deleted),
        }

    # ------------------------------------------------------------------------------------------------------------- act

    def _heard(self, text: str) -> None:
        """Act on a request in a thread of its own, since some take time, and answer."""
        try:
            asked = json.loads(text)
            act = ACTS[asked["do"]]
        except (ValueError, TypeError, KeyError):
            return
        # The person that the window is now acts, even if it becomes somebody else before the thread runs.
        asked["as"] = self.user

        def body() -> None:
            answer: dict[str, Any] = {"done": asked.get("id")}
            try:
                answer["result"] = act(self, asked)
            except (Impossible, NotAcked) as error:
                answer["error"] = str(error)
            except (KeyError, TypeError, ValueError, TimeoutError) as error:
                answer["error"] = f"The sandbox could not do that ({type(error).__name__})."
            with contextlib.suppress(OSError):
                self.link.send(answer)

        threading.Thread(target=body, daemon=True).start()

    def act_as(self, asked: dict[str, Any]) -> None:
        """Become another person: the window forgets everything and gets all that this person sees."""
        if asked["user"] not in {person.id for person in self.scene.people}:
            raise ValueError("nobody of that id")
        with self._acting:
            self.user = asked["user"]
            self._sent.clear()
            self.link.send({"forget": True, "as": self.user})
        self.scene.notify()

    def command(self, asked: dict[str, Any]) -> None:
        """Run the slash command. It does not exist for people of other companies."""
        slack = self.scene.slack
        if slack.users[asked["as"]].team != slack.team_id:
            raise Impossible(f"{slack.command_name} is not a valid command.")
        self.scene.slack.command(asked["as"], asked["channel"], str(asked["text"])).wait_ack()

    def say(self, asked: dict[str, Any]) -> None:
        """Write a message. Slack escapes what people type."""
        slack = self.scene.slack
        text = str(asked["text"]).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        if asked["as"] not in slack.channels[asked["channel"]].members:
            raise Impossible("not in that channel")
        thread = slack.message(asked["channel"], asked["thread"]) if asked.get("thread") else None
        slack.say(asked["as"], asked["channel"], text, thread=thread)

    def click(self, asked: dict[str, Any]) -> None:
        """Press a button of a message."""
        slack = self.scene.slack
        seen = slack.seen_by(asked["as"], asked["channel"])
        message = next((each for each in seen if each.ts == asked["ts"]), None)
        if message is None:
            raise Impossible("that message is gone")
        slack.click(asked["as"], message, asked["action"], block_id=asked.get("block")).wait_ack()

    def open_home(self, asked: dict[str, Any]) -> None:
        """Open the app's Home tab. A version without a Home tab never answers, which is no failure."""
        with contextlib.suppress(NotAcked):
            self.scene.slack.home_opened(asked["as"]).wait_ack(1.0)

    def click_home(self, asked: dict[str, Any]) -> None:
        """Press a button of the Home tab."""
        self.scene.slack.click_home(asked["as"], asked["action"], value=asked.get("value")).wait_ack()

    def trouble(self, asked: dict[str, Any]) -> None:
        """Turn a trouble on or off."""
        self.troubles.switch(asked["key"], on=bool(asked["on"]))

    def restart(self, asked: dict[str, Any]) -> None:
        """End the bot's process and start a new one."""
        self.scene.restart_bot(kill=bool(asked["kill"]))

    def more_jobs(self, _: dict[str, Any]) -> None:
        """Put fresh jobs into MetaStudio."""
        self.scene.more_jobs()

    def verify(self, _: dict[str, Any]) -> dict[str, Any]:
        """Let the bot verify its audit trail."""
        return self.ledger.verify()


ACTS: dict[str, Callable[[Window, dict[str, Any]], Any]] = {
    "act_as": Window.act_as,
    "command": Window.command,
    "say": Window.say,
    "click": Window.click,
    "open_home": Window.open_home,
    "click_home": Window.click_home,
    "trouble": Window.trouble,
    "restart": Window.restart,
    "more_jobs": Window.more_jobs,
    "verify": Window.verify,
}


def hello(scene: Scene, run_id: str) -> dict[str, Any]:
    """The first message to a window: everything that never changes."""
    slack = scene.slack
    return {
        "run": run_id,
        "command": slack.command_name,
        "bot_user": slack.bot_user_id,
        "people": [asdict(person) for person in scene.people],
        "names": {
            **{user.id: user.name for user in slack.users.values()},
            **{person.id: person.name for person in scene.people},
            **{channel.id: channel.name for channel in slack.channels.values()},
        },
        "team_domain": slack.team_domain,
        "main_channel": scene.ops,
        "settle_after": SETTLE_AFTER,
    }
