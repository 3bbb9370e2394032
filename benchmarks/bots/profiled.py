"""dh-bot, with the CPU of each part counted, and its transactions and looks.

Each part is counted by the CPU clock of its own thread, without the parts that it calls: so the shares add up and
waiting costs nothing. A sampling profiler would stop the bot for each sample and so change the figures.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from slack_bolt import App
from slack_sdk import WebClient

from benchmarks.bots import counting
from bot.cli.main import main
from bot.ledger.database.writer import SharedWriter
from bot.ledger.store import Store
from bot.metastudio.client import MetaStudio
from handlers.dispatch import Dispatcher

FILE = Path("profile.json")
WRITTEN_EVERY = 0.5
PARTS: tuple[tuple[type, str, str], ...] = (
    (App, "dispatch", "acks: Bolt and the listeners"),
    (WebClient, "api_call", "calls to Slack"),
    (MetaStudio, "_send", "calls to MetaStudio"),
    (SharedWriter, "run", "ledger: transactions that write"),
    (Store, "read", "ledger: looks"),
    (Dispatcher, "serve", "rules, texts and logs behind the acks"),
)

_seconds: Counter[str] = Counter()
_calls: Counter[str] = Counter()
_inner = threading.local()
_lock = threading.Lock()


def count(kind: type, method: str, part: str) -> None:
    """Count the CPU of every call of this method as this part."""
    work: Callable[..., Any] = getattr(kind, method)

    @wraps(work)
    def counted(*args: Any, **kwargs: Any) -> Any:
        outer, _inner.seconds = getattr(_inner, "seconds", 0.0), 0.0
        began = time.thread_time()
        try:
            return work(*args, **kwargs)
        finally:
            took = time.thread_time() - began
            with _lock:
                _seconds[part] += took - _inner.seconds
                _calls[part] += 1
            _inner.seconds = outer + took

    setattr(kind, method, counted)


def keep_writing() -> None:
    """Write the counts twice a second, since the bot is ended from outside."""
    while True:
        time.sleep(WRITTEN_EVERY)
        with _lock:
            parts = {"all": [time.process_time(), 0]} | {part: [_seconds[part], _calls[part]] for part in _seconds}
        with counting.lock:
            ledger = dict(counting.counts)
        new = FILE.with_suffix(".new")
        new.write_text(json.dumps({"parts": parts, "ledger": ledger}), encoding="utf-8")
        new.replace(FILE)


if __name__ == "__main__":
    counting.count_transactions()
    counting.count_looks()
    for kind, method, part in PARTS:
        count(kind, method, part)
    threading.Thread(target=keep_writing, daemon=True).start()
    main()
