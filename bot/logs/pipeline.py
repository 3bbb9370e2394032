"""Structured logs on stderr or stdout: one line per event, a closed list of fields, no secrets.

Every module has ``log = structlog.get_logger(__name__)`` and writes ``log.info("card_posted", deletion=…)``: the event
is a constant, and values go into fields. ``about(id)`` adds a deletion's id to every line that is logged inside it.

The standard library's logging runs through the same pipeline. Of libraries only warnings and worse pass, at any
LOG_LEVEL: below that, Bolt logs whole payloads, slack_sdk tokens and addresses, urllib3 paths, SQLAlchemy parameters.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.types import EventDict, ExcInfo, Processor

from bot.logs.scrubbing import scrubber

OURS = ("bot", "handlers")

FIELDS = frozenset(
    {
        # The deletion, the job, the people and the places.
        *("deletion", "job", "actor", "team", "group", "channel", "thread", "message_ts"),
        *("operation", "endpoint", "region", "project"),
        # What happened. Values are constants of ours, or codes: never free text from outside.
        *("kind", "step", "state", "outcome", "why", "cause", "status", "code", "request_id", "slack_error"),
        *("command", "action", "method", "purpose", "setting", "notice"),
        # How much, how often, how long.
        *("attempt", "attempts", "count", "limit", "number", "seconds", "after", "bytes", "at", "deadline"),
        # The process itself.
        *("mode", "version", "revision", "signal", "path", "host", "port", "pid", "worker", "finished"),
        *("error", "diagnosis"),
    }
)
"""Every field that a log line may have. Names, reasons and texts that people typed are left out on purpose."""

STANDARD = frozenset({"event", "level", "severity", "logger", "time", "exception", "stack"})
"""Fields that the pipeline itself adds."""

LONGEST = 8000
"""Characters per field; only tracebacks come near."""


class UnknownField(Exception):
    """A log call used a field that is not in ``FIELDS``. Raised in tests only; in production the field is dropped."""


class Pipeline:
    """The present configuration. Module state, as in the standard library's logging."""

    strict = False
    scrub: Callable[[str], str] = staticmethod(scrubber())


def about(deletion: str | None) -> AbstractContextManager[Any]:
    """Bind a deletion's id, where there is one, to every line that is logged inside, in this thread or task."""
    return structlog.contextvars.bound_contextvars(**({"deletion": deletion} if deletion else {}))


def configure(
    level: str = "INFO",
    form: str = "json",
    secrets: Iterable[str] = (),
    to: str = "stderr",
    *,
    strict: bool = False,
    stream: TextIO | None = None,
) -> None:
    """Set up all logging of the process, ``to`` stderr or stdout, or to a stream. The last call applies."""
    Pipeline.strict = strict
    Pipeline.scrub = staticmethod(scrubber(secrets))
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            only_known_fields,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        # Loggers are made when modules are imported, which is before this call.
        cache_logger_on_first_use=False,
    )
    handler = Handler(stream, to)
    handler.addFilter(is_ours_or_serious)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(plain_traceback),
                only_known_fields,
                scrubbed,
                *([with_severity, structlog.processors.JSONRenderer()] if form == "json" else [readable]),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [other for other in root.handlers if not isinstance(other, Handler)] + [handler]
    root.setLevel(max(logging.WARNING, logging.getLevelName(level)))
    for name in OURS:
        logging.getLogger(name).setLevel(level)


def catch_uncaught() -> None:
    """Log uncaught exceptions and Python's warnings through the same pipeline."""
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable


QUOTES_BODIES = "slack_sdk.web.base_client"
"""This logger quotes the beginning of a body that is no JSON. The caller logs the failure."""


NOISE = ("As you gave `client` as well, `token` will be unused.",)
"""Bolt logs this at each start: it reads a token from the environment although it was given a client."""


QUOTES_FRAMES = "Received an unsupported data frame"
"""slack_sdk quotes the frame, which may be a part of a card. The line ``on_error`` before it has the cause."""


def is_ours_or_serious(record: logging.LogRecord) -> bool:
    """Whether a record may pass. A filter of the handler, since Bolt sets the levels of its loggers itself."""
    if record.name == QUOTES_BODIES or record.msg in NOISE or str(record.msg).startswith(QUOTES_FRAMES):
        return False
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in OURS


class Handler(logging.Handler):
    """Writes to a stream, or to the present ``sys.stderr`` or ``sys.stdout``.

    If a line cannot be formatted, its raw values are not printed, unlike in the standard library's handlers.
    """

    def __init__(self, stream: TextIO | None, to: str) -> None:
        super().__init__()
        self.stream = stream
        self.to = to

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record. Never raises."""
        try:
            self._write(self.format(record))
        except Exception:  # noqa: BLE001 - whatever a processor or a stream may raise
            self.handleError(record)

    def _write(self, line: str) -> None:
        stream: TextIO = getattr(sys, self.to) if self.stream is None else self.stream
        stream.write(f"{line}\n")
        stream.flush()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        """Log that a line is missing, without its content."""
        try:
            self._write(
                f'{{"event": "a log line could not be written", "level": "{record.levelname.lower()}", '
                f'"severity": "{record.levelname}"}}'
            )
        except (OSError, ValueError):
            return  # The stream itself is gone.


# Processors. Each takes structlog's event dictionary and returns it.


def only_known_fields(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Drop fields that are not on the closed list."""
    internal = {"_record", "_from_structlog", "exc_info", "stack_info", "positional_args"}
    unknown = event.keys() - FIELDS - STANDARD - internal
    if unknown and Pipeline.strict:
        raise UnknownField(f"not in bot.logs.pipeline.FIELDS: {', '.join(sorted(unknown))}")
    for name in unknown:
        del event[name]
    return event


def scrubbed(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Mask the secrets in every value, also in texts from exceptions and other libraries."""
    return {name: _plain(value) for name, value in event.items()}


def with_severity(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Add the level in capitals, in the field that Google Cloud and Datadog read."""
    return {**event, "severity": str(event.get("level", "")).upper()}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    text = value if isinstance(value, str) else str(value)
    # Cut only after scrubbing, so that no half of a secret escapes.
    text = Pipeline.scrub(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} […] {text[-LONGEST // 2 :]}"


def plain_traceback(exc_info: ExcInfo) -> str:
    """A traceback with the lines of code but without the values of variables, which may be secrets."""
    return "".join(traceback.format_exception(*exc_info)).rstrip()


def readable(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """One line for a person's eyes; a traceback follows, indented."""
    event = dict(event)
    time, level, logger, message, exception, stack = (
        event.pop(name, "") for name in ("time", "level", "logger", "event", "exception", "stack")
    )
    fields = " ".join(f"{name}={_one_line(value)}" for name, value in event.items())
    line = f"{time[11:19]} {level:<8} {logger}: {_one_line(message)}{'  ' if fields else ''}{fields}"
    below = "\n".join(text for text in (exception, stack) if text)
    return line + "".join(f"\n    {_one_line(text)}" for text in below.splitlines())


def _one_line(value: Any) -> str:
    """Escape control characters, so that no text from outside can forge a log line or colour a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))


# Uncaught exceptions.


def _uncaught(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, value, trace)
        return
    structlog.get_logger("bot").critical("uncaught", exc_info=(kind, value, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is SystemExit:
        return
    value = args.exc_value or args.exc_type()
    structlog.get_logger("bot").critical(
        "uncaught_in_thread",
        worker=args.thread.name if args.thread else "",
        exc_info=(args.exc_type, value, args.exc_traceback),
    )


def _unraisable(args: Any) -> None:
    # The object itself is not named: its repr may hold anything.
    structlog.get_logger("bot").error("unraisable", exc_info=(args.exc_type, args.exc_value, args.exc_traceback))
