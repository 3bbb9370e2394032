"""Why Slack gave no answer, in words for people."""

from __future__ import annotations

import errno
import socket
import ssl
from http.client import BadStatusLine, IncompleteRead, RemoteDisconnected
from json import JSONDecodeError
from urllib.error import URLError

import pytest

from bot.slack.errors import cause_of

CAUSES = [
    (URLError(socket.gaierror(-2, "hunter22")), "the host name could not be resolved"),
    (URLError(ConnectionRefusedError()), "connection refused"),
    (URLError(TimeoutError()), "no answer within the time allowed"),
    (URLError(ssl.SSLCertVerificationError()), "the certificate could not be verified"),
    (URLError(OSError("Tunnel connection failed: 403 Forbidden")), "the proxy refused the connection"),
    (URLError(OSError(errno.ENETUNREACH, "hunter22")), "there is no route to it"),
    (URLError(ConnectionResetError()), "the connection broke before a whole answer had arrived"),
    (RemoteDisconnected("hunter22"), "the connection broke before a whole answer had arrived"),
    (IncompleteRead(b"hunter22"), "the connection broke before a whole answer had arrived"),
    (URLError(ssl.SSLEOFError()), "the connection broke before a whole answer had arrived"),
    (URLError(ssl.SSLError(1, "wrong version number")), "the answer was not HTTP"),
    (BadStatusLine("hunter22"), "the answer was not HTTP"),
    (JSONDecodeError("hunter22", "", 0), "the answer was not Slack's"),
    (AttributeError("hunter22"), "the answer was not Slack's"),
]


@pytest.mark.parametrize(("error", "says"), CAUSES, ids=lambda given: given if isinstance(given, str) else repr(given))
def test_a_cause_has_words(error: Exception, says: str) -> None:
    """Those that MetaStudio's causes have too, and nothing of the error's own text."""
    assert cause_of(error) == says
