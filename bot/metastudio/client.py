"""MetaStudio as three calls that never raise for what the network or the cloud does: show, find, delete.

A DELETE leaves here at most once per call. A GET may leave three times.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import requests

from bot.metastudio import wire
from bot.metastudio.auth import CredentialSource, NoCredentials, Signed
from bot.metastudio.causes import cause_of
from bot.metastudio.replies import Meaning, may_repeat_read, meaning
from bot.metastudio.session import Session, sending_allowed_while
from bot.model import Cause, JobId, Listed, Operation, Reply, Shown, Target
from bot.ports import Clock

REPEATS = 2
"""How often a GET is repeated at most."""

NO_TRY_AFTER = timedelta(seconds=20)
"""No repetition begins later: with the timeouts as they come a read ends within 55 seconds, and the drain waits 60."""

PAUSES = (0.3, 1.0)
PAUSES_WHEN_THROTTLED = (2.0, 4.0)
"""Huawei advises two to five seconds after …0308, so ``Retry-After`` is obeyed up to five."""
LONGEST_PAUSE = 5.0


class _Replied(Protocol):
    @property
    def reply(self) -> Reply: ...


_R = TypeVar("_R", bound=_Replied)


@dataclass(frozen=True, slots=True)
class _NoAnswer:
    """Nothing came back, or not all of it; the headers may have brought a request id before it broke."""

    cause: Cause
    request_id: str | None = None


def _always() -> bool:
    return True


class MetaStudio:
    """The API of one project. One instance serves all threads."""

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
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._timeout = (connect_timeout, read_timeout)
        self._session = Session(ssl_context or ssl.create_default_context(), pool_size)

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()

    def show(self, job: JobId, *, may_repeat: Callable[[], bool] = _always) -> Shown:
        """Read one job. ``may_repeat`` is asked before each repetition (the limiter has its say there)."""
        draft = wire.show_draft(self._target, job, self._app_user_id)

        def once() -> Shown:
            answer = self._send(draft)
            if isinstance(answer, _NoAnswer):
                return Shown(self._unanswered(Operation.SHOW, answer))
            return wire.shown(answer, job, self._scrub)

        return self._repeated(once, may_repeat)

    def find(
        self,
        *,
        job_id: str | None = None,
        name: str | None = None,
        offset: int = 0,
        limit: int = wire.PAGE,
        may_repeat: Callable[[], bool] = _always,
    ) -> Listed:
        """List the jobs that match, newest first, one page."""
        draft = wire.find_draft(
            self._target, job_id=job_id, name=name, offset=offset, limit=limit, app_user_id=self._app_user_id
        )

        def once() -> Listed:
            answer = self._send(draft)
            if isinstance(answer, _NoAnswer):
                return Listed(self._unanswered(Operation.LIST, answer))
            return wire.listed(answer, self._scrub)

        return self._repeated(once, may_repeat)

    def delete(self, job: JobId, *, send_before: datetime) -> Reply:
        """Send one DELETE, once, unless ``send_before`` has passed when its connection stands."""
        draft = wire.delete_draft(self._target, job, self._app_user_id)
        answer = self._send(draft, lambda: self._clock.now() < send_before)
        if isinstance(answer, _NoAnswer):
            return self._unanswered(Operation.DELETE, answer)
        return wire.deleted(answer, self._scrub)

    def _repeated(self, once: Callable[[], _R], may_repeat: Callable[[], bool]) -> _R:
        """Try up to three times, with pauses, and not for too long: somebody is waiting."""
        no_later = self._clock.now() + NO_TRY_AFTER
        result = once()
        for number in range(REPEATS):
            if not may_repeat_read(result.reply):
                return result
            pause = _pause(result.reply, number)
            if self._clock.now() + timedelta(seconds=pause) > no_later:
                return result
            self._clock.sleep(pause)
            if not may_repeat():
                return result
            result = once()
        return result

    def _send(self, draft: wire.Draft, may_send: Callable[[], bool] | None = None) -> wire.Answer | _NoAnswer:
        """Sign, send, and read the whole answer."""
        try:
            signed = self._credentials.current().sign(draft, self._endpoint, self._clock.now())
        except NoCredentials:
            return _NoAnswer(Cause.NO_CREDENTIALS)
        if may_send is not None and not may_send():
            return _NoAnswer(Cause.TOO_LATE)
        try:
            with sending_allowed_while(may_send):
                response = self._session.send(
                    self._prepared(signed),
                    stream=True,
                    timeout=self._timeout,
                    allow_redirects=False,
                    proxies=self._proxies,
                )
        except Exception as error:  # noqa: BLE001 - whatever went wrong, it may have been sent, and the caller must learn
            return _NoAnswer(cause_of(error))
        try:
            body = _body(response)
        except Exception as error:  # noqa: BLE001 - as above: hostile bytes end in many classes, not all of requests
            response.close()
            return _NoAnswer(cause_of(error), wire.request_id_in(response.headers))
        return wire.Answer(response.status_code, response.headers, body, self._clock.now())

    def _prepared(self, signed: Signed) -> requests.PreparedRequest:
        return self._session.prepare_request(requests.Request(signed.method, signed.url, headers=signed.headers))

    def _unanswered(self, operation: Operation, answer: _NoAnswer) -> Reply:
        return Reply(operation, self._clock.now(), cause=answer.cause, request_id=answer.request_id)

    def _scrub(self, message: str) -> str:
        try:
            secrets = self._credentials.current().secrets()
        except NoCredentials:
            secrets = ()
        return wire.scrub(message, (*secrets, self._app_user_id or ""))


def _body(response: requests.Response) -> bytes:
    """All of the body, decompressed; one that is too large is cut off, by us."""
    parts: list[bytes] = []
    size = 0
    while part := response.raw.read(65536, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > wire.LARGEST_BODY:
            raise ConnectionAbortedError("the answer is too large")
    return b"".join(parts)


def _pause(reply: Reply, number: int) -> float:
    if meaning(reply) is not Meaning.THROTTLED:
        return PAUSES[number]
    return min(max(reply.retry_after or 0.0, PAUSES_WHEN_THROTTLED[number]), LONGEST_PAUSE)
