"""MetaStudio as three calls: show, find, delete. They never raise for errors of the network or the cloud.

A DELETE is sent at most once per call. A GET may be sent three times.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Protocol, TypeVar

import requests

from bot.domain.age import Moment, age, moment
from bot.domain.model import JobId, Listed, Reply, Shown, Target
from bot.domain.ports import Clock
from bot.domain.replies import Meaning, may_repeat_read, meaning
from bot.metastudio import drafts, scrubbing, wire
from bot.metastudio.credentials.keys import Access, CredentialSource, NoCredentials
from bot.metastudio.exchange import Exchange, NoAnswer

REPEATS = 2
"""Maximum number of retries of a GET."""

NO_TRY_AFTER = timedelta(seconds=20)
"""No retry begins later. So with the default timeouts a read ends within 55 seconds, and the drain waits 60."""

NO_NEW_TOKEN_AFTER = timedelta(seconds=5)
"""A rejected token is exchanged only if the rejection came quickly. A call of IAM takes time too, within the 55 s."""

PAUSES = (0.3, 1.0)
PAUSES_WHEN_THROTTLED = (2.0, 4.0)
"""Huawei advises two to five seconds after …0308, so ``Retry-After`` is honoured up to five."""
LONGEST_PAUSE = 5.0


class _Replied(Protocol):
    @property
    def reply(self) -> Reply: ...


_R = TypeVar("_R", bound=_Replied)


def _always() -> bool:
    return True


class MetaStudio:
    """The API of one project. Thread-safe."""

    def __init__(  # noqa: PLR0913 - each is one setting; only the composition root calls this
        self,
        target: Target,
        credentials: CredentialSource,
        *,
        clock: Clock,
        app_user_id: str | None = None,
        proxy: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
        connect_timeout: float = 5,
        read_timeout: float = 30,
        pool_size: int = 256,
    ) -> None:
        self._target = target
        self._endpoint = target.endpoint.rstrip("/")
        self._credentials = credentials
        self._clock = clock
        self._app_user_id = app_user_id
        self._exchange = Exchange(
            clock=clock,
            proxy=proxy,
            ssl_context=ssl_context,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            pool_size=pool_size,
        )

    def close(self) -> None:
        """Close the idle connections."""
        self._exchange.close()

    def show(self, job_id: JobId, *, may_repeat: Callable[[], bool] = _always) -> Shown:
        """Read one job. ``may_repeat`` is called before each retry, for the limiter and the breaker."""
        draft = drafts.show_draft(self._target, job_id, self._app_user_id)

        def understood(answer: wire.HttpResponse, scrub: wire.Scrub, asked: Moment) -> Shown:
            shown = wire.shown(answer, job_id, scrub)
            return replace(shown, reply=replace(shown.reply, asked=asked))

        return self._repeated(lambda: self._read(draft, understood, Shown, may_repeat), may_repeat)

    def find(
        self,
        *,
        job_id: str | None = None,
        name: str | None = None,
        offset: int = 0,
        limit: int = drafts.PAGE,
        may_repeat: Callable[[], bool] = _always,
    ) -> Listed:
        """List the jobs that match, newest first, one page."""
        draft = drafts.find_draft(
            self._target, job_id=job_id, name=name, offset=offset, limit=limit, app_user_id=self._app_user_id
        )
        return self._repeated(
            lambda: self._read(draft, lambda answer, scrub, _: wire.listed(answer, scrub), Listed, may_repeat),
            may_repeat,
        )

    def prepare_delete(self, job_id: JobId) -> None:
        """Open the connection for a DELETE that follows soon, so that the DELETE does not wait for a handshake."""
        self._exchange.connect_ahead(f"{self._endpoint}{drafts.delete_draft(self._target, job_id).path}")

    def delete(self, job_id: JobId, *, may_send: Callable[[], bool]) -> Reply:
        """Send one DELETE, once, if ``may_send`` still returns true when its connection is open.

        The DELETE has a connection of its own, so that no answer to another request can be taken for its answer.
        """
        draft = drafts.delete_draft(self._target, job_id, self._app_user_id)
        try:
            # No network call for credentials here: the read just before has renewed them. A DELETE that waited for IAM
            # or a metadata service would be sent at a time of their choosing.
            access = self._credentials.current()
        except NoCredentials as none:
            return self._unsent(draft, none)
        answer = self._send(draft, access, may_send, once=True)
        if isinstance(answer, NoAnswer):
            return self._unanswered(draft, answer)
        reply = wire.deleted(answer, self._scrubber(access))
        if meaning(reply) is Meaning.BAD_CREDENTIALS:
            self._credentials.rejected(access)
        return reply

    def _read(
        self,
        draft: drafts.Draft,
        understood: Callable[[wire.HttpResponse, wire.Scrub, Moment], _R],
        unread: Callable[[Reply], _R],
        may_repeat: Callable[[], bool],
    ) -> _R:
        """Send one GET, and once more with a new token if the present one was rejected.

        A token expires early when the password, a key or a permission of its user is changed, and Huawei's remedy is a
        new token. Only the new token shows whether the configured user is still authorized. If MetaStudio rejects that
        one too, or IAM refuses to issue it, the breaker opens as for an access key.
        """
        began, again = moment(self._clock), False
        while True:
            try:
                access = self._credentials.renewed()
            except NoCredentials as none:
                return unread(self._unsent(draft, none))
            asked = moment(self._clock)
            answer = self._send(draft, access)
            if isinstance(answer, NoAnswer):
                return unread(self._unanswered(draft, answer))
            result = understood(answer, self._scrubber(access), asked)
            if meaning(result.reply) is not Meaning.BAD_CREDENTIALS or not self._credentials.rejected(access):
                return result
            if again or age(began, self._clock) > NO_NEW_TOKEN_AFTER or not may_repeat():
                return result
            again = True

    def _repeated(self, once: Callable[[], _R], may_repeat: Callable[[], bool]) -> _R:
        """Try up to three times, with pauses, within a time limit: a user is waiting."""
        began = moment(self._clock)
        result = once()
        for number in range(REPEATS):
            if not may_repeat_read(result.reply):
                return result
            pause = _pause(result.reply, number)
            if age(began, self._clock) > NO_TRY_AFTER - timedelta(seconds=pause):
                return result
            self._clock.sleep(pause)
            if not may_repeat():
                return result
            result = once()
        return result

    def _send(
        self, draft: drafts.Draft, access: Access, may_send: Callable[[], bool] | None = None, *, once: bool = False
    ) -> wire.HttpResponse | NoAnswer:
        """Sign and send the request, and read the whole answer."""
        signed = access.sign(draft, self._endpoint, self._clock.now())
        return self._exchange(requests.Request(signed.method, signed.url, headers=signed.headers), may_send, once=once)

    def _unanswered(self, draft: drafts.Draft, answer: NoAnswer) -> Reply:
        first, second = wire.first_two(answer.request_ids)
        return Reply(draft.operation, self._clock.now(), cause=answer.cause, request_id=first, other_request_id=second)

    def _unsent(self, draft: drafts.Draft, none: NoCredentials) -> Reply:
        return Reply(
            draft.operation,
            self._clock.now(),
            cause=none.cause,
            code=none.code,
            message=none.message,
            request_id=none.request_id,
        )

    def _scrubber(self, access: Access) -> wire.Scrub:
        return partial(scrubbing.scrub, secrets=(*access.secrets(), self._app_user_id or ""))


def _pause(reply: Reply, number: int) -> float:
    if meaning(reply) is not Meaning.THROTTLED:
        return PAUSES[number]
    return min(max(reply.retry_after or 0.0, PAUSES_WHEN_THROTTLED[number]), LONGEST_PAUSE)
