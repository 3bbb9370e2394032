"""The logs: one line per event, a closed list of fields, and no secret, wherever it comes from."""

from __future__ import annotations

import ast
import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit
from urllib.request import _parse_proxy  # type: ignore[attr-defined] - how urllib reads a proxy's address

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from bot.logs import pipeline as logs
from bot.logs.scrubbing import MASK, scrubber
from bot.settings.addresses import passwords_in
from bot.settings.load import read_settings
from tests.support.paths import ROOT

SECRET = "tok/en+with \"odd' ch\\ars=é"


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_one_json_object_per_line(stream: io.StringIO) -> None:
    """Event, level, logger, UTC time and fields; what is bound around goes along."""
    logs.configure(stream=stream)
    with logs.about(deletion="0123456789abcdef"):
        structlog.get_logger("bot.x").info("card_posted", job="j-1", seconds=0.5, count=2)
    structlog.get_logger("bot.x").warning("later\nsecond line")
    first, second = lines(stream)
    assert first.pop("time").endswith("Z")
    assert first == {
        "event": "card_posted",
        "level": "info",
        "severity": "INFO",
        "logger": "bot.x",
        "deletion": "0123456789abcdef",
        "job": "j-1",
        "seconds": 0.5,
        "count": 2,
    }
    assert second["event"] == "later\nsecond line"
    assert second["severity"] == "WARNING"
    assert "deletion" not in second


def test_to_stderr_as_it_is_now(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output belongs to the commands; a replaced stderr is followed."""
    logs.configure()
    structlog.get_logger("bot.x").info("hello")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "hello"


def test_to_stdout_where_that_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    """For collectors that take stderr for errors (LOG_STREAM)."""
    logs.configure("INFO", "json", (), "stdout")
    structlog.get_logger("bot.x").info("hello")
    captured = capsys.readouterr()
    assert captured.err == ""
    assert json.loads(captured.out)["event"] == "hello"


def test_unknown_fields_are_left_out_and_fail_tests(stream: io.StringIO) -> None:
    """A field outside the closed list, such as a job's name, never reaches the log; a test that logs it fails."""
    logs.configure(stream=stream)
    structlog.get_logger("bot.x").info("job_shown", job="j-1", name="Alice's avatar")
    assert "Alice" not in stream.getvalue()
    assert lines(stream)[0]["job"] == "j-1"
    logs.configure(stream=stream, strict=True)
    with pytest.raises(logs.UnknownField, match="name"):
        structlog.get_logger("bot.x").info("job_shown", name="Alice's avatar")


def _log_calls() -> Iterator[tuple[str, ast.Call]]:
    for folder in ("bot", "handlers"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id in {"log", "logger"}
                ):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_every_log_call_keeps_to_the_list() -> None:
    """Also where no test passes by: the event is a constant, and each field is in the closed list."""
    calls = dict(_log_calls())
    for where, call in calls.items():
        assert len(call.args) == 1, f"{where}: one constant event, what varies goes into fields"
        assert isinstance(call.args[0], ast.Constant), where
        used = {keyword.arg for keyword in call.keywords} - {"exc_info"}
        assert used <= logs.FIELDS, f"{where}: {used - logs.FIELDS}"
    assert calls


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
@pytest.mark.parametrize("name", ["slack_bolt.App", "slack_sdk.web.client", "urllib3", "sqlalchemy.engine", "dh-bot:X"])
def test_libraries_are_capped_at_warning(stream: io.StringIO, name: str, level: str) -> None:
    """Below that they quote bodies, tokens and parameters, also where a logger sets its own level, as Bolt's do."""
    logs.configure(level, stream=stream)
    library = logging.getLogger(name)
    library.setLevel(logging.DEBUG)
    library.info("Unsuccessful Bolt request (body: %s)", "the whole body")
    library.debug("the whole body")
    assert stream.getvalue() == ""
    library.warning("something is wrong with %s", "it")
    assert lines(stream)[0]["event"] == "something is wrong with it"
    library.setLevel(logging.NOTSET)


def test_a_frame_that_slack_sdk_cannot_read_is_not_quoted(stream: io.StringIO) -> None:
    """It may be a part of a card, with the job's name in it."""
    logs.configure("DEBUG", stream=stream)
    logging.getLogger("slack_bolt.App").warning(
        "Received an unsupported data frame (session id: 1, opcode: -, payload: Anchor Li)"
    )
    assert stream.getvalue() == ""


def test_level_of_our_own(stream: io.StringIO) -> None:
    """LOG_LEVEL is about our own loggers, standard library's or structlog's."""
    logs.configure("INFO", stream=stream)
    logging.getLogger("bot.x").debug("no")
    structlog.get_logger("handlers.x").debug("no")
    logs.configure("DEBUG", stream=stream)
    logging.getLogger("bot.x").debug("yes")
    structlog.get_logger("handlers.x").debug("yes")
    assert [line["event"] for line in lines(stream)] == ["yes", "yes"]


def _raise(text: str) -> None:
    local = text  # noqa: F841 - must not be shown
    raise ValueError("something about " + text)


@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_are_masked_everywhere(stream: io.StringIO, form: str) -> None:
    """In events, fields, lists, objects, exception texts and causes, of our loggers and of others."""
    logs.configure("DEBUG", form, [SECRET, "short", "abc"], stream=stream)
    log = structlog.get_logger("bot.x")
    event = f"event {SECRET}"
    log.info(event, code=SECRET, why=[SECRET, (SECRET,)], path=Path(SECRET))
    logging.getLogger("library").error("argument %r", SECRET)
    try:
        try:
            _raise(SECRET)
        except ValueError as error:
            error.add_note(SECRET)
            raise KeyError(SECRET) from error
    except KeyError:
        log.exception("failed")
        logging.getLogger("library").exception("failed")
    text = stream.getvalue()
    for spelling in (
        SECRET,
        repr(SECRET)[1:-1],
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
    ):
        assert spelling not in text
    assert "tok/en" not in text
    assert text.count(MASK) >= 9


def test_tracebacks_show_no_values(stream: io.StringIO) -> None:
    """The lines of code, but not what the variables held."""
    logs.configure(stream=stream)
    marker = "gniht-terces"[::-1]
    try:
        _raise("x" if marker else "")
    except ValueError:
        structlog.get_logger("bot.x").exception("failed")
    shown = lines(stream)[0]["exception"]
    assert "ValueError: something about x" in shown
    assert "_raise(" in shown
    assert marker not in shown


@given(st.text(alphabet="ab\"'\\ é%+/=\n", min_size=4, max_size=12), st.text(max_size=5), st.text(max_size=5))
def test_no_secret_survives(secret: str, before: str, after: str) -> None:
    """Whatever it is made of and whatever stands around it."""
    stream = io.StringIO()
    logs.configure("DEBUG", "json", [secret], stream=stream, strict=True)
    structlog.get_logger("bot.x").info("event", code=f"{before}{secret}{after}")
    written = lines(stream)[0]["code"]
    assert secret not in written.replace(MASK, "")
    assert MASK in written


FORMS = [
    "xoxb-1234567890-abcDEF",
    "xoxe.xoxp-1-abc",
    "xapp-1-A0-123-abc",
    "https://hooks.slack.com/commands/T0/123/abc",
    "https://hooks.slack.com/actions/T0/123/abc",
    "https://hooks.slack.com/services/T0/B0/abc",
    "http://127.0.0.1:4321/commands/T0/1/abc",
    "http://localhost:4321/actions/T0/1/abc?x=y",
    "wss://wss-primary.slack.com/link/?ticket=abc&app_id=1",
    "1234567890.1234567890.0123456789abcdef0123456789abcdef",
]


@pytest.mark.parametrize("text", FORMS)
def test_what_is_handed_out_later_is_masked_by_form(text: str) -> None:
    """response_urls, tickets, trigger_ids and foreign tokens are not known beforehand."""
    assert scrubber()(f"before {text} after") == f"before {MASK} after"
    assert scrubber()(json.dumps({"url": text})) == json.dumps({"url": MASK})


QUOTED = [
    ("Authorization: SDK-HMAC-SHA256 Access=AKAKAK, SignedHeaders=host;x-sdk-date, Signature=00ff", ["AKAKAK", "00ff"]),
    ("{'X-Security-Token': 'abcdef', 'Host': 'h'}", ["abcdef"]),
    ("X-Auth-Token=MIIabc", ["MIIabc"]),
    ("Authorization: Bearer abcdefgh12345", ["abcdefgh12345"]),
    ("postgresql+psycopg://bot:hunter22@db:5432/dh", ["hunter22"]),
    ("http://user:hunter22@proxy:3128", ["hunter22"]),
    ("http://user:hunter@22word@proxy:3128", ["hunter", "22word"]),
    ("HTTPS://user:hunter/22#word@[::1]:3128/x", ["hunter", "22", "word"]),
    ("proxy=user:hunter@22word@proxy:3128", ["hunter", "22word"]),
    ("proxy=http%3A%2F%2Fuser%3Ahunter22%40proxy%3A3128", ["hunter22"]),
    ("Port could not be cast to integer value as 'hunt'", ["hunt"]),
    ("InvalidURL(\"nonnumeric port: 'hunt@er'\")", ["hunt"]),
]


@pytest.mark.parametrize(("text", "hidden"), QUOTED)
def test_what_errors_like_to_quote(text: str, hidden: list[str]) -> None:
    """Gateways quote signed requests, drivers their addresses."""
    scrubbed = scrubber()(text)
    assert not [part for part in hidden if part in scrubbed]


ADDRESSES = [
    "http://user:{}@proxy:8080",
    "HTTP://user:{}@proxy:8080/",
    "https://user:{}@[2001:db8::1]:8080",
    "socks5h://user:{}@10.0.0.1",
    "//user:{}@proxy",
    "user:{}@proxy:8080",
    "http:/user:{}@proxy:8080",
    "http:user:{}@proxy:8080",
]
"""Also such as are none, since libraries quote those."""


def _in_libraries_words(address: str) -> Iterator[str]:
    """What libraries say of a proxy's address, or of what they take for its parts."""
    yield f"Failed to connect to the proxy (proxy: {address}, connect status code: 407)"
    yield f"{{'https': {address!r}}}"
    for parse in (_parse_proxy, lambda text: urlsplit(text).port, parse_url):
        try:
            yield repr(parse(address))
        except ValueError as error:
            yield f"{error} {error!r}"
    for password in passwords_in(address):
        yield f"{password} {password!r} {json.dumps(password)} {quote(password)} {quote(password, safe='')}"
        yield f"{quote_plus(password)} {quote(quote(password, safe=''), safe='')} {unquote(password)}"


@given(
    st.sampled_from(ADDRESSES),
    st.text(alphabet="ab@:/?#%&+=!$\"'\\~", max_size=10),
    st.sampled_from(["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY", "Https_Proxy"]),
    st.booleans(),
)
def test_no_password_of_a_proxy_is_logged(form: str, middle: str, name: str, encoded: bool) -> None:  # noqa: FBT001
    """Whatever it is made of, however the address is written, wherever it stands, and as whatever library reads it."""
    password = f"Zqx{middle}xqZ"
    written = quote(password, safe="") if encoded else password
    address = form.format(written)
    environ = {"DATABASE_URL": "sqlite:///x.db", name: address}
    secrets = read_settings(environ, None, only={"DATABASE_URL"}).secrets()
    for known in (secrets, frozenset[str]()):
        stream = io.StringIO()
        logs.configure("DEBUG", "json", known, stream=stream, strict=True)
        texts = list(_in_libraries_words(address)) if known else [address, f"cannot open {address}: refused"]
        for text in texts:
            structlog.get_logger("bot.x").info("event", error=text)
            try:
                raise OSError(text)  # noqa: TRY301 - as a library would
            except OSError:
                structlog.get_logger("bot.x").exception("failed")
        shown = stream.getvalue()
        for spelling in (password, written, json.dumps(password)[1:-1], quote(password), quote(password, safe="")):
            assert spelling not in shown


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("sign", "@:/?#%&+=!$\"'\\~|^ ")
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "Https_Proxy"])
def test_no_piece_of_a_proxys_password_is_logged(address: str, sign: str, name: str) -> None:
    """Libraries quote what they take for a host or a port, which may be either side of a sign in the password.

    A piece of three characters is too short to be known as a secret; what is quoted as a host is masked by its form.
    """
    for begins, ends in (("Zqxvk", "kvxqZ"), ("Zqx", "xqZ")):
        written = address.format(f"{begins}{sign}{ends}")
        environ = {"DATABASE_URL": "sqlite:///x.db", name: written}
        scrub = scrubber(read_settings(environ, None, only={"DATABASE_URL"}).secrets())
        for parse in (_parse_proxy, lambda text: urlsplit(text).port, parse_url):
            try:
                parse(written)
            except ValueError as error:
                shown = scrub(f"{error} {error!r}")
                assert begins not in shown
                assert ends not in shown


@pytest.mark.parametrize(
    "text",
    [
        "1700000000.123456",
        "https://metastudio.cn-north-4.myhuaweicloud.com",
        "0123456789abcdef0123456789abcdef",
        "C0AAA",
    ],
)
def test_what_is_needed_stays(text: str) -> None:
    """Message times, endpoints, request ids and channels are what a log is read for."""
    assert scrubber(["db"])(text) == text


def test_console_stays_on_its_lines(stream: io.StringIO) -> None:
    """Nobody can write a line of their own, or colour a terminal; a traceback is indented below its line."""
    logs.configure("DEBUG", "console", stream=stream)
    structlog.get_logger("bot.x").info("event\nforged", code="a\x1b[31m\u202e")
    try:
        _raise("x")
    except ValueError:
        structlog.get_logger("bot.x").exception("failed")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("bot.x: event\\nforged  code=a\\x1b[31m\\u202e")
    assert rest[0].endswith("bot.x: failed")
    assert all(line.startswith("    ") for line in rest[1:])


def test_long_values_are_cut(stream: io.StringIO) -> None:
    """A line stays readable, and a secret at the cut does not get half out."""
    logs.configure(secrets=["0123456789"], stream=stream)
    structlog.get_logger("bot.x").info("event", code="0123456789" * 5000)
    written = lines(stream)[0]["code"]
    assert len(written) <= logs.LONGEST + 10
    assert "0123" not in written


def test_a_line_that_cannot_be_made_shows_nothing(stream: io.StringIO) -> None:
    """The standard library would print the raw record instead."""

    class Bad:
        def __str__(self) -> str:
            raise RuntimeError(SECRET)

    logs.configure(secrets=[SECRET], stream=stream)
    structlog.get_logger("bot.x").info("event", code=Bad())
    ours = next(handler for handler in logging.getLogger().handlers if isinstance(handler, logs.Handler))
    ours.handle(logging.LogRecord("library", logging.ERROR, "", 1, "%d", (SECRET,), None))
    assert [line["event"] for line in lines(stream)] == ["a log line could not be written"] * 2
    stream.close()
    structlog.get_logger("bot.x").info("nobody listens")


def test_what_nobody_caught_is_logged(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the main thread, in others and in finalizers: through the same pipeline, so without secrets."""
    for owner, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(logging, "captureWarnings", lambda **_: None)
    logs.configure(secrets=["hunter22"], stream=stream)
    logs.catch_uncaught()
    error = ValueError("hunter22")
    sys.excepthook(ValueError, error, None)
    thread = threading.Thread(target=_raise, args=("hunter22",), name="worker-1")
    thread.start()
    thread.join()

    class Finalizer:
        def __del__(self) -> None:
            _raise("hunter22")

    Finalizer()
    assert [line["event"] for line in lines(stream)] == ["uncaught", "uncaught_in_thread", "unraisable"]
    assert all(MASK in line["exception"] for line in lines(stream))
    assert "hunter22" not in stream.getvalue()


def test_configuring_twice_does_not_double(stream: io.StringIO) -> None:
    """The last call counts alone, and handlers of others (pytest's) stay."""
    others = [handler for handler in logging.getLogger().handlers if not isinstance(handler, logs.Handler)]
    logs.configure(stream=io.StringIO())
    logs.configure(stream=stream)
    structlog.get_logger("bot.x").info("once")
    assert len(lines(stream)) == 1
    assert [h for h in logging.getLogger().handlers if not isinstance(h, logs.Handler)] == others
