"""A token of IAM as a ``CredentialSource``: kept in memory, renewed in good time, by reads only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime, timedelta

import structlog

from bot.metastudio.auth import Access, NoCredentials, Token
from bot.model import Cause
from bot.ports import Clock

log = structlog.get_logger(__name__)

RENEW_BEFORE = timedelta(minutes=30)
"""A token with less to live is renewed by the next read. Until it is over, nobody has to wait for that to succeed."""

TOO_SHORT = timedelta(minutes=1)
"""With less than this a read waits for a new one: the DELETE that follows it must find a token that lasts."""

PAUSE = timedelta(minutes=1)
"""How long no other token is asked for in advance, and a refusal stands without asking anew.

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
        self._under_way: Future[Token] | None = None
        self._not_before: datetime | None = None
        self._refusal: NoCredentials | None = None

    def fingerprint(self) -> str:
        """That of the user and the password; tokens come and go."""
        return self._fingerprint

    def current(self) -> Token:
        """The token at hand. Nobody is asked for one, so a DELETE either leaves with a valid token or not at all."""
        token = self._token
        if token is None or token.expires_at <= self._clock.now():
            raise NoCredentials("there is no valid token of IAM")
        return token

    def renewed(self) -> Token:
        """The token at hand while it is good for long, else a new one."""
        now, mine = self._clock.now(), Future[Token]()
        with self._lock:
            kept, asked, rests = self._token, self._under_way, self._not_before is not None and now < self._not_before
            left = kept.expires_at - now if kept is not None else timedelta(0)
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

    def _renew(self, mine: Future[Token]) -> Token:
        """Sign in, and let those who wait for it know; they share a failure as they share a token."""
        try:
            token = self._sign_in()
        except BaseException as error:
            with self._lock:
                self._under_way, self._refusal, self._not_before = None, None, self._clock.now() + PAUSE
                if isinstance(error, NoCredentials) and error.cause is Cause.SIGN_IN_REFUSED:
                    self._refusal = error
            mine.set_exception(error)
            raise
        with self._lock:
            self._token, self._under_way, self._refusal = token, None, None
            # Tokens shorter than half an hour are always due; this keeps each read from asking for one.
            self._not_before = self._clock.now() + PAUSE
        mine.set_result(token)
        return token
