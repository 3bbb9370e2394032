"""Counts the metrics on the objects that ``bot.app`` has made.

The ledger calls an observer after each commit. The SDKs offer no hook, so their methods are wrapped on the one object.
An error while counting is logged and never reaches the caller.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial, wraps
from typing import Any, NamedTuple

import structlog
from slack_bolt import App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from bot.domain.events import Event, Kind
from bot.domain.lifecycle import Step, target
from bot.domain.model import NEVER_LEFT, Operation, Reply
from bot.domain.refusals import Reason
from bot.ledger.store import Store
from bot.metastudio.guard import GuardedJobs
from bot.ops.metrics import NOT_COUNTED, OPERATIONS, Metrics
from bot.slack.errors import error_code

log = structlog.get_logger(__name__)

REASONS = frozenset(Reason)


class Call(NamedTuple):
    """One call that has ended: ``result`` if it returned, ``error`` if it raised."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    seconds: float
    result: Any = None
    error: BaseException | None = None


def around(thing: object, method: str, count: Callable[[Call], None]) -> None:
    """Wrap this method of this one object, so that ``count`` gets every call when it has ended."""
    inner = getattr(thing, method)

    @wraps(inner)
    def watched(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            result = inner(*args, **kwargs)
        except BaseException as error:
            _count(count, Call(args, kwargs, time.perf_counter() - began, error=error))
            raise
        _count(count, Call(args, kwargs, time.perf_counter() - began, result))
        return result

    setattr(thing, method, watched)


def _count(count: Callable[..., None], *args: Any) -> None:
    try:
        count(*args)
    except Exception:
        # The call may have been a DELETE or a commit: its result must not be lost over a counter.
        log.exception("not_counted")


# Slack.


def watch_acks(bolt: App, metrics: Metrics) -> None:
    """Time everything that Slack sends until its ack is made."""

    def count(call: Call) -> None:
        body = call.args[0].body
        kind = "command" if "command" in body else "click" if body.get("type") == "block_actions" else "other"
        is_acked = call.error is None and call.result.status == 200
        metrics.acks.labels(kind, "acked" if is_acked else "not acked").observe(call.seconds)

    around(bolt, "dispatch", count)


def watch_web_api(client: WebClient, metrics: Metrics) -> None:
    """Time every call of the Web API."""

    def count(call: Call) -> None:
        name = str(call.args[0] if call.args else call.kwargs["api_method"])
        # The SDK has a function for each method of Slack, so labels come from a closed set.
        method = name if hasattr(WebClient, name.replace(".", "_")) else "other"
        metrics.slack.labels(method, _slack_result(call.error)).observe(call.seconds)

    around(client, "api_call", count)


def watched_webhooks(make: Callable[[str], WebhookClient], metrics: Metrics) -> Callable[[str], WebhookClient]:
    """Time every answer to a ``response_url``. Each has a client of its own."""

    def count(call: Call) -> None:
        status = 599 if call.error is not None else call.result.status_code
        result = "ok" if status == 200 else "refused" if status < 500 else "no answer"
        metrics.slack.labels("response_url", result).observe(call.seconds)

    def made(url: str) -> WebhookClient:
        client = make(url)
        around(client, "send", count)
        return client

    return made


def _slack_result(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    if not isinstance(error, SlackApiError):
        return "no answer"
    if error.response.status_code == 429 or error_code(error.response) == "ratelimited":
        return "too fast"
    return "refused" if error.response.status_code < 500 else "no answer"


# MetaStudio.


def watch_metastudio(jobs: GuardedJobs, metrics: Metrics) -> None:
    """Time the calls that are sent, and count the reads that are retried."""

    def count(call: Call) -> None:
        if call.error is None:
            reply: Reply = getattr(call.result, "reply", call.result)
            metrics.metastudio.labels(OPERATIONS[reply.operation], _result(reply)).observe(call.seconds)

    def count_repeat(call: Call) -> None:
        if call.result:
            metrics.retries.labels(OPERATIONS[call.args[0]]).inc()

    for method in ("show", "find", "delete"):
        around(jobs.client, method, count)
    around(jobs, "may_repeat", count_repeat)


def _result(reply: Reply) -> str:
    if reply.status is None:
        return "never left" if reply.cause in NEVER_LEFT else "no answer"
    return "429" if reply.status == 429 else f"{reply.status // 100}xx"


# The ledger.


def watch_ledger(ledger: Store, metrics: Metrics) -> None:
    """Count what is committed (events, states that deletions come into), and what is rescheduled."""

    def count(events: Sequence[Event], step: Step | None) -> None:
        _count_step(step, metrics)
        _count_events(events, metrics)

    ledger.observers.append(partial(_count, count))
    around(ledger.outbox, "reschedule", partial(_count_retry, metrics, "message"))
    around(ledger.requests, "answer_later", partial(_count_retry, metrics, "answer"))


def _count_step(step: Step | None, metrics: Metrics) -> None:
    if step is Step.CLAIM_AGAIN:
        metrics.retries.labels(OPERATIONS[Operation.DELETE]).inc()
    elif step is not None:
        metrics.deletions.labels(target(step).value).inc()


def _count_events(events: Iterable[Event], metrics: Metrics) -> None:
    for event in events:
        if event.kind not in NOT_COUNTED:
            metrics.events.labels(event.kind.value).inc()
        if event.kind is Kind.REFUSED and event.facts.get("reason") in REASONS:
            metrics.refusals.labels(event.facts["reason"]).inc()


def _count_retry(metrics: Metrics, what: str, call: Call) -> None:
    if call.error is None:
        metrics.retries.labels(what).inc()
