"""A token of IAM as a ``CredentialSource``: cached in memory, renewed in advance, by reads only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta

import structlog

from bot.domain.model import Cause
from bot.domain.ports import Clock
from bot.metastudio.credentials.keys import Access, NoCredentials, Token

log = structlog.get_logger(__name__)

NO_TIME = timedelta(0)
RENEW_BEFORE = timedelta(minutes=30)
"""The next read renews a token that expires sooner. While the old one is valid, that renewal may fail."""

TOO_SHORT = timedelta(minutes=1)
"""A read waits for a new token if the old one expires sooner: the DELETE that follows needs a valid one."""

PAUSE = 60.0
"""Seconds between two renewals in advance, and for which IAM's refusal is cached.

A refusal opens the breaker for five times as long. The cache serves the other threads until the breaker is written.
"""


class TokenSource:
    """Calls ``sign_in`` when a read needs a token. Reads that need one at the same time share the call."""

    def __init__(self, sign_in: Callable[[], Token], fingerprint: str, clock: Clock) -> None:
        self._sign_in = sign_in
        self._fingerprint = fingerprint
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._dies_at = 0.0
        """When the token expires, by the monotonic clock: setting the clock back must not extend it."""
        self._under_way: Future[Token] | None = None
        self._not_before: float | None = None
        self._refusal: NoCredentials | None = None

    def fingerprint(self) -> str:
        """The fingerprint of user and password; tokens change too often."""
        return self._fingerprint

    def current(self) -> Token:
        """The cached token, without a network call: a DELETE is sent with a valid token or not at all."""
        with self._lock:
            token, left = self._token, self._left()
        if token is None or left <= NO_TIME:
            raise NoCredentials("there is no valid token of IAM")
        return token

    def renewed(self) -> Token:
        """The cached token, or a new one if it expires soon."""
        mine = Future[Token]()
        with self._lock:
            now = self._clock.monotonic()
            kept, asked, rests = self._token, self._under_way, self._not_before is not None and now < self._not_before
            left = self._left()
            if kept is not None and left > RENEW_BEFORE:
                return kept
            if rests and self._refusal is not None:
                raise self._refusal.with_traceback(None)
            # One thread renews; the others use the old token while it is valid.
            if kept is not None and left > TOO_SHORT and (asked is not None or rests):
                return kept
            if asked is None:
                self._under_way = mine
        if asked is not None:
            return asked.result()
        try:
            return self._renew(mine)
        except NoCredentials as none:
            # After a refusal the password was changed or the user locked. It is raised although the old token still
            # works, to open the breaker: more attempts could lock the user.
            if kept is None or left <= TOO_SHORT or none.cause is Cause.SIGN_IN_REFUSED:
                raise
            log.warning("token_not_renewed", cause=none.cause.value, code=none.code, request_id=none.request_id)
            return kept

    def rejected(self, access: Access) -> bool:
        """Drop this token, unless another thread has already replaced it."""
        with self._lock:
            if self._token is access:
                self._token = None
        return True

    def _left(self) -> timedelta:
        """Until the cached token expires."""
        return NO_TIME if self._token is None else timedelta(seconds=self._dies_at - self._clock.monotonic())

    def _renew(self, mine: Future[Token]) -> Token:
        """Sign in. The threads that wait for it share the token or the failure."""
        try:
            token = self._sign_in()
        except BaseException as error:
            with self._lock:
                self._under_way, self._refusal, self._not_before = None, None, self._clock.monotonic() + PAUSE
                if isinstance(error, NoCredentials) and error.cause is Cause.SIGN_IN_REFUSED:
                    self._refusal = error
            mine.set_exception(error)
            raise
        with self._lock:
            self._token, self._under_way, self._refusal = token, None, None
            lives = token.expires_at - self._clock.now()
            self._dies_at = self._clock.monotonic() + lives.total_seconds()
            # Tokens shorter than half an hour are always due; this keeps each read from renewing.
            self._not_before = self._clock.monotonic() + PAUSE
        mine.set_result(token)
        return token
