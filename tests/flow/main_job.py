"""The story of the main job, whatever stands between the bot, Slack, MetaStudio and the ledger."""

from __future__ import annotations

from sandbox.metastudio.metastudio import MetaStudio
from sandbox.slack.slack import Message, Slack
from tests.support.claims import Claim


def main_job(
    slack: Slack,
    cloud: MetaStudio,
    person: str,
    place: str,
    *,
    reason: str = "",
    seconds: float = 20,
    patience: float | None = None,
) -> Message:
    """Command, card, click: exactly one DELETE, and its request ID in the thread and on the card, which it returns.

    Each of the two may take so many seconds; raises ``TimeoutError``. ``patience`` is after how many somebody gives the
    command up.
    """
    job = cloud.add_job(state="TRAIN_FAILED")
    before = len(slack.messages(place))
    slack.command(person, place, f"{job} {reason}").wait_ack()
    assert slack.wait_for(lambda: len(slack.messages(place)) > before, patience or seconds)
    card = slack.messages(place)[-1]
    assert reason in card.text
    assert cloud.deletes_arrived(job) == 0

    slack.click(person, card, "dh_confirm").wait_ack()
    assert slack.wait_for(lambda: slack.thread(card) and not card.buttons, seconds)

    (sent,) = [one for one in cloud.requests_to("Delete2dModelTrainingJob") if one.job_id == job]
    outcome = slack.thread(card)[0].text
    assert Claim.DELETED.stands_in(outcome)
    assert f"<@{person}>" in outcome
    assert sent.request_id in outcome
    assert sent.request_id in card.text
    assert job not in cloud.jobs
    return card
