"""A token of IAM as a ``CredentialSource``: kept in memory, renewed in good time, by reads only."""

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
"""A token with less to live is renewed by the next read. Until it is over, nobody has to wait for that to succeed."""

TOO_SHORT = timedelta(minutes=1)
"""With less than this a read waits for a new one: the DELETE that follows it must find a token that lasts."""

PAUSE = 60.0
"""For how many seconds no other token is asked for in advance, and a refusal stands without asking anew.

A refusal opens the breaker, which lasts five times as long. Until that is written down, the others of a crowd come by.
"""


class TokenSource:
    """Asks ``sign_in`` for a token when a read needs one, once for everybody who needs one at that time."""

    def __init__(self, sign_in: Callable[[], Token], fingerprint: str, clock: Clock) -> None:
        self._sign_in = sign_in
        self._fingerprint = fingerprint
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._dies_at = 0.0
        """When it expires, by the monotonic clock: one that was fetched does not live longer for a clock set back."""
        self._under_way: Future[Token] | None = None
        self._not_before: float | None = None
        self._refusal: NoCredentials | None = None

    def fingerprint(self) -> str:
        """That of the user and the password; tokens come and go."""
        return self._fingerprint

    def current(self) -> Token:
        """The token at hand. Nobody is asked for one, so a DELETE either leaves with a valid token or not at all."""
        with self._lock:
            token, left = self._token, self._left()
        if token is None or left <= NO_TIME:
            raise NoCredentials("there is no valid token of IAM")
        return token

    def renewed(self) -> Token:
        """The token at hand while it is good for long, else a new one."""
        mine = Future[Token]()
        with self._lock:
            now = self._clock.monotonic()
            kept, asked, rests = self._token, self._under_way, self._not_before is not None and now < self._not_before
            left = self._left()
            if kept is not None and left > RENEW_BEFORE:
                return kept
            if rests and self._refusal is not None:
                raise self._refusal.with_traceback(None)
            # One renews, and the others go on with what there is while it lasts.
            if kept is not None and left > TOO_SHORT and (asked is not None or rests):
                return kept
            if asked is None:
                self._under_way = mine
        if asked is not None:
            return asked.result()
        try:
            return self._renew(mine)
        except NoCredentials as none:
            # Refused means that the password was changed or the user locked, and is told while the old token still
            # works: asking again and again could lock the user, so it has to reach the breaker.
            if kept is None or left <= TOO_SHORT or none.cause is Cause.SIGN_IN_REFUSED:
                raise
            log.warning("token_not_renewed", cause=none.cause.value, code=none.code, request_id=none.request_id)
            return kept

    def rejected(self, access: Access) -> bool:
        """Forget this token. Whoever renews a moment later gets the one that another thread has already fetched."""
        with self._lock:
            if self._token is access:
                self._token = None
        return True

    def _left(self) -> timedelta:
        """How long the token at hand still lives."""
        return NO_TIME if self._token is None else timedelta(seconds=self._dies_at - self._clock.monotonic())

    def _renew(self, mine: Future[Token]) -> Token:
        """Sign in, and let those who wait for it know; they share a failure as they share a token."""
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
            # Tokens shorter than half an hour are always due; this keeps each read from asking for one.
            self._not_before = self._clock.monotonic() + PAUSE
        mine.set_result(token)
        return token
