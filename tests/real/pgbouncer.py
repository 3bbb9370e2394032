"""Debian's PgBouncer in front of a cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.flow.world import free_port, is_listening
from tests.real.parts import need
from tests.real.postgres import DATABASE, PASSWORD, USER, Cluster


@contextmanager
def pgbouncer(cluster: Cluster, mode: str, *, server_connections: int = 6) -> Iterator[int]:
    """PgBouncer in that pool mode, everything else at its defaults; its port."""
    program, port = need("pgbouncer", "pgbouncer"), free_port()
    folder = Path(tempfile.mkdtemp(prefix="dhbot-pgbouncer-"))
    (folder / "users").write_text(f'"{USER}" "{PASSWORD}"\n', encoding="utf-8")
    written = folder / "pgbouncer.ini"
    written.write_text(
        f"[databases]\n{DATABASE} = host=127.0.0.1 port={cluster.port}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\n"
        f"auth_file = {folder}/users\npool_mode = {mode}\ndefault_pool_size = {server_connections}\n",
        encoding="utf-8",
    )
    user = []
    if os.geteuid() == 0:
        # PgBouncer refuses to run as root.
        shutil.chown(folder, "postgres")
        user = ["runuser", "-u", "postgres", "--"]
    with (folder / "log").open("w", encoding="utf-8") as log:
        server = subprocess.Popen([*user, program, str(written)], stdout=log, stderr=log)
    try:
        give_up = time.monotonic() + 20
        while not is_listening(port):
            assert server.poll() is None, (folder / "log").read_text(encoding="utf-8")
            assert time.monotonic() < give_up
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
