"""The bot's calls to Slack over connections that stay open: how many there are, and what becomes of a broken one."""

from __future__ import annotations

import gc
import inspect
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from bot.domain.ports import Delivered, RetryLater
from bot.slack import connections
from bot.slack.connections import Connections, PooledWebClient, PooledWebhookClient
from bot.slack.errors import CUT_OFF, cause_of
from handlers.messenger import SlackMessenger
from sandbox.slack.slack import Slack
from sandbox.wire.server import CUT, DROP, RESET, Reply, Request, Server
from tests.support import certificates
from tests.support.messages import WORDING
from tests.support.proxies import Proxy, forward, refuse, tunnel

TOKEN = "xoxb-1-hunter22"
HOOK = "actions/T1/1/hunter22"
PLAIN = ssl.create_default_context()
BROKE = "the connection broke before a whole answer had arrived"


class Door(Server):
    """Gives the answers that it is told to, then good ones; counts the connections and the requests."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self.replies: list[Reply] = []
        self.requests: list[Request] = []
        self.opened: list[socket.socket] = []
        self.on_connect = self.opened.append

    def answer(self, request: Request) -> Reply:
        """The next one. A good answer has the number of its request as its ts."""
        self.requests.append(request)
        return self.replies.pop(0) if self.replies else good(len(self.requests))


def good(number: int) -> Reply:
    return Reply.json({"ok": True, "ts": f"{number}.0"})


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as running:
        yield running
        assert running.errors == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificates.certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls_door(certificate: Path) -> Iterator[Door]:
    with Door(certificates.server_context(certificate)) as running:
        yield running
        assert running.errors == []


def client_of(url: str, tls: ssl.SSLContext = PLAIN, most: int = 32, timeout: float = 5) -> PooledWebClient:
    """As ``bot.clients`` makes it."""
    pool = Connections(tls, most)
    return PooledWebClient(pool, token=TOKEN, base_url=f"{url}/api/", ssl=tls, timeout=timeout, retry_handlers=[])


def plain_client_of(url: str, timeout: float = 5) -> WebClient:
    """Without the pool."""
    return WebClient(token=TOKEN, base_url=f"{url}/api/", ssl=PLAIN, timeout=timeout, retry_handlers=[])


def post(client: WebClient) -> str:
    return str(client.chat_postMessage(channel="C1", text="hi")["ts"])


# ---------------------------------------------------------------------------------------------------------- how many


@pytest.mark.parametrize(
    ("client", "method"),
    [(WebClient, "_perform_urllib_http_request_internal"), (WebhookClient, "_perform_http_request_internal")],
)
def test_slack_sdk_still_has_the_methods_that_are_overridden(client: type, method: str) -> None:
    """Without them the SDK would go on with a connection for each call, and nobody would notice."""
    assert list(inspect.signature(getattr(client, method)).parameters) == ["self", "url", "req"]


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "TLS"])
def test_calls_one_after_the_other_share_one_connection(certificate: Path, is_tls: bool) -> None:  # noqa: FBT001 - a table's column
    """Posts, updates, look-ups and answers by a ``response_url``, of one client and of many."""
    tls = certificates.trusting(certificate) if is_tls else PLAIN
    with Slack(tls=certificates.server_context(certificate) if is_tls else None) as slack:
        opened: list[object] = []
        slack.front.on_connect = opened.append
        anna = slack.add_user("anna")
        ops = slack.add_channel("ops", members=[anna])
        address = slack.command(anna, ops, "x").response_url
        pool = Connections(tls, 4)
        bot = PooledWebClient(pool, token=slack.bot_token, base_url=slack.url, timeout=5, retry_handlers=[])
        for number in range(3):
            ts = bot.chat_postMessage(channel=ops, text=str(number))["ts"]
            bot.chat_update(channel=ops, ts=ts, text=f"{number}, updated")
            bot.users_info(user=anna)
            hook = PooledWebhookClient(pool, address, timeout=5, retry_handlers=[])
            assert hook.send(text=str(number), response_type="ephemeral").body == "ok"
        assert [message.text for message in slack.messages(ops)] == ["0, updated", "1, updated", "2, updated"]
        assert [message.text for message in slack.ephemerals(anna)] == ["0", "1", "2"]
        assert len(opened) == 1


def test_calls_at_once_have_a_connection_each_and_no_more(door: Door) -> None:
    """So that none waits for another; the answers are not mixed up."""
    client = client_of(door.url)

    def twenty(name: int) -> None:
        for _ in range(20):
            client.chat_postMessage(channel=f"C{name}", text="hi")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(twenty, range(4)))
    assert len(door.requests) == 80
    assert len(door.opened) <= 4


def test_every_answer_is_that_to_its_own_request() -> None:
    """Whichever thread asks over whichever connection."""

    class Echo(Server):
        def answer(self, request: Request) -> Reply:
            return Reply.json({"ok": True, "ts": request.body.decode()})

    with Echo() as echo, ThreadPoolExecutor(8) as pool:
        client = client_of(echo.url, most=3)
        asked = [f"C{number}" for number in range(200)]
        told = list(pool.map(lambda channel: client.chat_postMessage(channel=channel, text="hi")["ts"], asked))
    assert [channel in answer for channel, answer in zip(asked, told, strict=True)] == [True] * 200


def test_no_more_than_so_many_are_kept(door: Door) -> None:
    """The others are closed at once."""
    client = client_of(door.url, most=1)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: post(client), range(30)))
    assert len(client.connections._kept) == 1


def test_what_is_sent_is_what_it_was(door: Door) -> None:
    """Every header but one, and the body: of the SDK without the pool, with it, and with it on a kept connection."""
    client = client_of(door.url)
    address = f"{door.url}/{HOOK}"
    pooled = PooledWebhookClient(client.connections, address, retry_handlers=[])
    plain = WebhookClient(address, retry_handlers=[])
    with without_pool():
        for one, hook in ((plain_client_of(door.url), plain), (client, pooled), (client, pooled)):
            one.chat_postMessage(channel="C1", text="hi", blocks=[{"type": "divider"}])
            one.users_info(user="U1")
            hook.send(text="hi")
    seen = [
        (request.method, request.target, dict(request.headers) | {"Connection": ""}, request.body)
        for request in door.requests
    ]
    assert seen[:3] == seen[3:6] == seen[6:]
    assert [request.headers["Connection"] for request in door.requests] == ["close"] * 3 + [None] * 6
    assert len(door.opened) == 4


def test_cookies_are_not_kept(door: Door) -> None:
    """Slack sets some, and does without them."""
    client = client_of(door.url)
    door.replies = [Reply.json({"ok": True, "ts": "1.0"}, headers={"Set-Cookie": "b=1; path=/"})]
    post(client)
    post(client)
    assert len(door.opened) == 1
    assert door.requests[-1].headers["Cookie"] is None


# ---------------------------------------------------------------------------------------------- which are used again


def test_a_connection_that_slack_closed_is_noticed_before_anything_is_sent(door: Door) -> None:
    """The next call has a new one."""
    client = client_of(door.url)
    post(client)
    door.stop()
    door.start()
    assert post(client) == "2.0"
    assert len(door.opened) == 2


def test_an_idle_connection_grows_old(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is between may have forgotten it, and would not say so."""
    client = client_of(door.url)
    post(client)
    kept = client.connections._kept[0].connection.sock
    monkeypatch.setattr(connections, "LONGEST_IDLE", 0.0)
    post(client)
    assert len(door.opened) == 2
    assert kept.fileno() == -1


def wire(answer: bytes, seconds: float = 0) -> Reply:
    """These bytes, and then the end of the connection, after so many seconds."""

    def send(sock: socket.socket) -> None:
        sock.sendall(answer)
        time.sleep(seconds)

    return Reply(takeover=send)


OK = b'{"ok": true, "ts": "1.0"}'
STRAY = b'HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n{"ok": true, "ts": "6.6"}'


def http(body: bytes = OK, *headers: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body


def length(count: int) -> str:
    return f"Content-Length: {count}"


NOT_AGAIN: dict[str, Callable[[], Reply]] = {
    "429": lambda: Reply.json({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "7"}),
    "500": lambda: Reply(500, b"<html>"),
    "404": lambda: Reply(404, b"no"),
    "302": lambda: Reply(302, b"", {"Location": "/elsewhere"}),
    "201": lambda: Reply(201, OK),
    "204": lambda: Reply(204),
    "101": lambda: Reply(101, b"", {"Upgrade": "websocket"}),
    "close": lambda: Reply(200, OK, {"Connection": "close"}),
    "HTTP/1.0": lambda: wire(http(OK, length(25)).replace(b"/1.1", b"/1.0"), 0.2),
    "answered twice": lambda: Reply(200, OK, behind=STRAY),
    "a byte behind": lambda: Reply(200, OK, behind=b"\n"),
    "without a length": lambda: wire(http(OK)),
}


@pytest.mark.parametrize("name", NOT_AGAIN)
def test_only_after_a_whole_good_answer_a_connection_is_used_again(door: Door, name: str) -> None:
    """The next call gets its own answer, over a new connection."""
    client = client_of(door.url)
    door.replies = [NOT_AGAIN[name]()]
    try:
        post(client)
    except SlackApiError:
        assert name[0].isdigit()
    assert len(client.connections._kept) == 0
    assert post(client) == "2.0"
    assert len(door.opened) == 2


def test_bytes_that_arrive_before_a_request_are_no_answer_to_it(door: Door) -> None:
    """Such as a 408 of a balancer that closes the idle connection."""
    client = client_of(door.url)
    answered, strayed, over = threading.Event(), threading.Event(), threading.Event()

    def late(sock: socket.socket) -> None:
        sock.sendall(http(OK, length(25)))
        answered.wait(10)
        sock.sendall(STRAY)
        strayed.set()
        over.wait(10)

    door.replies = [Reply(takeover=late)]
    assert post(client) == "1.0"
    answered.set()
    assert strayed.wait(10)
    assert post(client) == "2.0"
    over.set()
    assert len(door.opened) == 2


# --------------------------------------------------------------------------------------------- what becomes of a call


def told(client: WebClient) -> object:
    """What the messenger makes of a post."""
    return SlackMessenger(client, WORDING, WebhookClient).log_head("C1", 1, "digest", 0)


def sent(hook: WebhookClient) -> object:
    """Status and body of an answer by a ``response_url``, or the class of the error."""
    try:
        answer = hook.send(text="hi")
    except CUT_OFF as error:
        said = f"{error!r} {error}"
        return type(error), cause_of(error), "hunter22" in said
    return answer.status_code, answer.body, {name.lower() for name in answer.headers}


@contextmanager
def without_pool() -> Iterator[None]:
    """slack_sdk leaves the connections of its calls to the garbage collector, which would warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


SAME: dict[str, Callable[[], Reply]] = {
    "good": lambda: Reply(200, OK),
    "chunked": lambda: Reply(200, b"19\r\n" + OK + b"\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"}),
    "chunked, cut": lambda: wire(http(b"19\r\n" + OK[:9], "Transfer-Encoding: chunked")),
    "chunked, nonsense": lambda: wire(http(b"zz\r\n" + OK, "Transfer-Encoding: chunked")),
    "longer than it says": lambda: wire(http(OK, length(9))),
    "shorter than it says": lambda: wire(http(OK, length(99))),
    "a negative length": lambda: wire(http(OK, length(-1))),
    "100 first": lambda: wire(b"HTTP/1.1 100 Continue\r\n\r\n" + http(OK, length(25))),
    "HTML": lambda: Reply(200, b"<html>hello</html>", {"Content-Type": "text/html"}),
    "HTML, 502": lambda: Reply(502, b"<html>hello</html>", {"Content-Type": "text/html"}),
    "a list": lambda: Reply.json([{"ok": True}]),
    "empty": lambda: Reply(200),
    "no UTF-8": lambda: Reply(200, b'{"ok": true, "ts": "\xff"}'),
    "another charset": lambda: Reply(200, OK.decode().encode("utf-16"), {"Content-Type": "text/plain; charset=utf-16"}),
    "429": lambda: Reply.json({"ok": False, "error": "ratelimited"}, 429, {"retry-after": "7"}),
    "refused": lambda: Reply.json({"ok": False, "error": "is_archived"}),
    "no HTTP": lambda: wire(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a status of four digits": lambda: wire(http(OK, status="2000 OK")),
    "a long line": lambda: wire(http(OK, "X: " + "x" * 70000)),
    "307": lambda: Reply(307, b"", {"Location": "/elsewhere"}),
    "reset": lambda: Reply(wire=RESET),
    "dropped": lambda: Reply(wire=DROP),
    "cut": lambda: Reply(200, OK, wire=CUT),
    "silence": lambda: wire(b"", 1.5),
    "silence after half": lambda: wire(http(OK[:9], length(25)), 1.5),
}
"""Answers of which the messenger makes with the pool what it makes of them without it."""


@pytest.mark.parametrize("is_kept", [False, True], ids=["new", "kept"])
@pytest.mark.parametrize("name", SAME)
def test_an_outcome_is_what_it_was(door: Door, name: str, is_kept: bool) -> None:  # noqa: FBT001 - a table's column
    """On a new connection and on a kept one; and the request has arrived once."""
    client = client_of(door.url, timeout=0.5)
    if is_kept:
        post(client)
    before = len(door.requests), len(door.opened)
    door.replies = [SAME[name](), SAME[name]()]
    here = told(client)
    assert (len(door.requests), len(door.opened)) == (before[0] + 1, before[1] + (not is_kept))
    with without_pool():
        assert here == told(plain_client_of(door.url, timeout=0.5))
    door.replies = []
    assert isinstance(told(client), Delivered)


@pytest.mark.parametrize("is_kept", [False, True], ids=["new", "kept"])
@pytest.mark.parametrize("name", SAME)
def test_an_outcome_of_a_response_url_is_what_it_was(door: Door, name: str, is_kept: bool) -> None:  # noqa: FBT001 - as above
    """Status and body, or the class of the error."""
    pool = Connections(PLAIN, 32)
    address, options = f"{door.url}/{HOOK}", {"timeout": 1, "retry_handlers": []}
    if is_kept:
        sent(PooledWebhookClient(pool, address, **options))
    before = len(door.requests), len(door.opened)
    door.replies = [SAME[name](), SAME[name]()]
    here = sent(PooledWebhookClient(pool, address, **options))
    assert (len(door.requests), len(door.opened)) == (before[0] + 1, before[1] + (not is_kept))
    with without_pool():
        assert here == sent(WebhookClient(address, **options))


NOW: dict[str, tuple[Callable[[], Reply], object]] = {
    "103 first": (lambda: Reply(200, OK, ahead=b"HTTP/1.1 103 Early Hints\r\n\r\n"), Delivered("1.0")),
    "cut in the headers": (
        lambda: wire(b"HTTP/1.1 200 OK\r\nContent-"),
        RetryLater(1.0, "IncompleteRead", unanswered=True),
    ),
    "shorter than it says, and silence": (
        lambda: wire(http(OK, length(99)), 1),
        RetryLater(1.0, "TimeoutError", unanswered=True),
    ),
    "302": (lambda: Reply(302, b"", {"Location": "/elsewhere"}), RetryLater(1.0, "http_302", unanswered=True)),
    "303": (lambda: Reply(303, b"", {"Location": "/elsewhere"}), RetryLater(1.0, "http_303", unanswered=True)),
    "an unknown charset": (
        lambda: Reply(200, OK, {"Content-Type": "application/json; charset=klingon"}),
        RetryLater(1.0, "ValueError", unanswered=True),
    ),
    "an unknown charset, 502": (
        lambda: Reply(502, b"<html>", {"Content-Type": "text/html; charset=base64"}),
        RetryLater(1.0, "ValueError", unanswered=True),
    ),
    "a byte at a time": (
        lambda: Reply(takeover=lambda sock: _trickle(sock)),  # noqa: PLW0108 - it comes below
        RetryLater(1.0, "TimeoutError", unanswered=True),
    ),
}
"""Answers of which something else became without the pool. The SDK followed a 302 as a GET, with the token and to any
host, and let a LookupError of Python pass for an unknown charset."""


def _trickle(sock: socket.socket) -> None:
    sock.sendall(http(b"", length(25)))
    for byte in OK[:-1]:
        time.sleep(0.1)
        sock.sendall(bytes([byte]))


@pytest.mark.parametrize("name", NOW)
def test_an_outcome_that_is_another_one_now(door: Door, name: str) -> None:
    """Each is told truthfully, and nothing is asked twice or elsewhere."""
    reply, outcome = NOW[name]
    client = client_of(door.url, timeout=0.5)
    door.replies = [reply()]
    assert told(client) == outcome
    assert len(door.requests) == 1
    assert isinstance(told(client), Delivered)


def test_a_connection_that_breaks_in_the_moment_of_use_leaves_the_post_in_doubt(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slack closes it after we have looked, and before our request is there.

    The call is not repeated here: whether the message was posted is not known, so the outbox sends it again.
    """
    client = client_of(door.url)
    post(client)

    def closes_now(sock: socket.socket) -> bool:
        assert is_silent(sock)
        door.stop()
        time.sleep(0.2)
        door.start()
        return True

    is_silent = connections.is_silent
    monkeypatch.setattr(connections, "is_silent", closes_now)
    outcome = told(client)
    assert isinstance(outcome, RetryLater)
    assert outcome.unanswered
    assert outcome.why in {"RemoteDisconnected", "ConnectionResetError", "URLError"}
    assert (len(door.requests), len(door.opened)) == (1, 1)
    assert told(client) == Delivered("2.0")


@pytest.mark.parametrize("how", [RESET, DROP])
def test_a_post_that_had_its_effect_before_a_kept_connection_broke_is_not_repeated_here(door: Door, how: str) -> None:
    """urllib3 and the SDK's own retries would send it again at once."""
    client = client_of(door.url)
    post(client)
    door.replies = [Reply(wire=how)]
    with pytest.raises(CUT_OFF) as caught:
        post(client)
    assert cause_of(caught.value) == BROKE
    assert (len(door.requests), len(door.opened)) == (2, 1)
    assert "hunter22" not in f"{caught.value!r} {caught.value}"


def test_a_redirect_is_not_followed(door: Door) -> None:
    """It would bring the token along."""
    with Door() as elsewhere:
        for status in (301, 302, 303, 307, 308):
            door.replies.append(Reply(status, b"", {"Location": f"{elsewhere.url}/x"}))
            with pytest.raises(SlackApiError):
                post(client_of(door.url))
        assert elsewhere.requests == []


# ---------------------------------------------------------------------------------------------------- TLS and proxies


def test_an_unknown_certificate_is_refused_before_anything_is_sent(tls_door: Door) -> None:
    """As without the pool."""
    with pytest.raises(CUT_OFF) as caught:
        post(client_of(tls_door.url))
    assert cause_of(caught.value) == "the certificate could not be verified"
    assert tls_door.requests == []


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy"])
def test_a_tunnel_serves_many_calls(
    tls_door: Door, certificate: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The password goes to the proxy alone."""
    client_tls = certificates.trusting(certificate)
    heads: list[bytes] = []
    through = tunnel(tls_door.port)

    def act(sock: socket.socket, head: bytes) -> None:
        heads.append(head)
        through(sock, head)

    with Proxy(act) as proxy:
        monkeypatch.setenv(name, proxy.url.replace("//", "//bot:hunter22@"))
        client = client_of(tls_door.url, client_tls)
        assert [post(client) for _ in range(3)] == ["1.0", "2.0", "3.0"]
        hook = PooledWebhookClient(client.connections, f"{tls_door.url}/{HOOK}", retry_handlers=[])
        assert hook.send(text="hi").status_code == 200
        assert proxy.lines == [f"CONNECT 127.0.0.1:{tls_door.port}"]
    assert b"Proxy-Authorization: Basic " in heads[0]
    assert [request.headers["Proxy-Authorization"] for request in tls_door.requests] == [None] * 4


def test_a_tunnel_that_is_refused(tls_door: Door, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent, and the cause is known."""
    with Proxy(refuse) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//bot:hunter22@"))
        with pytest.raises(CUT_OFF) as caught:
            post(client_of(tls_door.url, certificates.trusting(certificate)))
    assert cause_of(caught.value) == "the proxy refused the connection"
    assert "hunter22" not in f"{caught.value!r} {caught.value}"
    assert tls_door.requests == []


def test_plain_calls_go_through_the_proxy_and_no_proxy_exempts_them(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_PROXY is read at each call, as without the pool."""
    with Proxy(forward) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        client = client_of(door.url)
        assert post(client) == "1.0"
        assert proxy.lines == [f"POST {door.url}/api/chat.postMessage"]
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert post(client) == "2.0"
        assert proxy.accepted == 1
    assert len(door.opened) == 2


def test_nobody_listens(door: Door) -> None:
    """Also where a connection was kept: that it is gone is noticed, and the new one is refused."""
    client = client_of(door.url)
    post(client)
    door.stop()
    with pytest.raises(CUT_OFF) as caught:
        post(client)
    assert cause_of(caught.value) == "connection refused"
