"""What takes time at the moment, in words, so that the visitor knows why the page does not change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.metastudio.faults import DELETE, SHOW
from sandbox.page.scene import SETTLE_AFTER

CHECK_NOW = "dh_check_now"

if TYPE_CHECKING:
    from sandbox.metastudio.world import Seen
    from sandbox.page.scene import Scene

Waits = list[dict[str, Any]]

GONE, STILL_THERE, STILL_THERE_AFTER_AN_ANSWER = 2, 5, 3
"""Checks that have to agree. The sandbox imports nothing of the bot; a test holds them to what the bot waits for."""


def under_way(scene: Scene) -> Waits:
    """All waits: `what`, `since` (seconds since 1970), and what each `needs` to end."""
    with scene.cloud.changed:
        requests = list(scene.cloud.requests)
    return [*_unanswered(requests), *_unsettled(scene, requests), *_undelivered(scene)]


def _unanswered(requests: list[Seen]) -> Waits:
    return [
        {"what": f"MetaStudio has the {seen.method} and has not answered", "since": seen.at.timestamp()}
        for seen in requests
        if seen.reply is None
    ]


def _unsettled(scene: Scene, requests: list[Seen]) -> Waits:
    """A DELETE without a clear answer, and how often the bot has checked the job since."""
    unclear = {seen.job_id: seen for seen in requests if seen.operation == DELETE and _is_unclear(seen)}
    found = []
    for job_id, sent in unclear.items():
        if job_id is not None and _is_open(scene, job_id):
            shows = [seen for seen in requests if seen.operation == SHOW and seen.job_id == job_id]
            reads = sum(1 for seen in shows if seen.number > sent.number)
            found.append(
                {
                    "what": f"Finding out if job {job_id[:8]}… is gone. Checks so far: {reads}",
                    "needs": enough(answered=sent.status is not None),
                    "since": sent.at.timestamp(),
                }
            )
    return found


def enough(*, answered: bool) -> str:
    """What decides. After an answer, which is the page's HTTP 500 by MetaStudio, fewer checks do than after a loss."""
    present = STILL_THERE_AFTER_AN_ANSWER if answered else STILL_THERE
    return (
        f"{GONE} checks that agree decide that it is gone, {present} that it is still there; "
        f"the first and the last at least {SETTLE_AFTER} s apart."
    )


def _is_unclear(seen: Seen) -> bool:
    return seen.reply is not None and (seen.status is None or seen.status >= 500)


def _is_open(scene: Scene, job_id: str) -> bool:
    """Whether a card about this job still offers to check. One that waits or is over does not."""
    cards = [card for card in scene.slack.messages(scene.ops) if job_id in card.text]
    return any(button["action_id"] == CHECK_NOW for card in cards for button in card.buttons)


def _undelivered(scene: Scene) -> Waits:
    """Posts that Slack has refused since its last success. The bot retries by itself."""
    refused = []
    for call in reversed(scene.slack.calls_to("chat.postMessage")):
        if call.fault is None:
            break
        refused.append(call)
    what = f"Slack has refused the bot's message, times so far: {len(refused)}"
    needs = "It stands in the ledger, and the bot tries again, each time after a longer pause."
    return [{"what": what, "needs": needs, "since": refused[-1].at}] if refused else []
