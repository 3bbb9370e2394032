"""Debian's PostgreSQL as clusters of our own: on loopback, with durable settings, a standby where one is wanted."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.flow.world import free_port
from tests.real.parts import need, run

USER, PASSWORD, DATABASE = "dh_bot", "a-password-of-the-tests", "dh_bot"


def _programs() -> Path:
    """Debian keeps initdb and pg_ctl in a folder of the version."""
    need("pg_lsclusters", "postgresql")
    newest = max(Path("/usr/lib/postgresql").iterdir(), key=lambda folder: float(folder.name))
    return newest / "bin"


def _as_postgres(command: Sequence[str | Path]) -> list[str | Path]:
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


class Cluster:
    """One server: its folder, its port, and what a test does to it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._bin = _programs()
        self.data = folder / name
        self._log = folder / f"{name}.log"
        self.port = free_port()
        self._held: list[psycopg.Connection[tuple[object, ...]]] = []

    @property
    def password(self) -> str:
        return PASSWORD

    @property
    def url(self) -> str:
        return self.url_at(self.port)

    @staticmethod
    def url_at(port: int, password: str = PASSWORD, query: str = "") -> str:
        """The bot's DATABASE_URL for a server, or whatever stands in front of it, at that port."""
        return f"postgresql+psycopg://{USER}:{password}@127.0.0.1:{port}/{DATABASE}{query}"

    def make(self) -> None:
        """An empty cluster with the bot's user and database; everybody has to bring a password."""
        secret = self.data.with_suffix(".password")
        secret.write_text(PASSWORD, encoding="utf-8")
        secret.chmod(0o644)
        self._run("initdb", "--auth=scram-sha-256", "--username=postgres", f"--pwfile={secret}", "-D", self.data)
        self._configure()
        self.start()
        self.execute(
            f"CREATE ROLE {USER} LOGIN REPLICATION PASSWORD '{PASSWORD}'", f"CREATE DATABASE {DATABASE} OWNER {USER}"
        )

    def follow(self, primary: Cluster) -> None:
        """Become a standby of that cluster."""
        source = f"host=127.0.0.1 port={primary.port} user={USER} password={PASSWORD}"
        self._run("pg_basebackup", "--checkpoint=fast", "-D", self.data, "-R", "-d", source)
        self._configure()
        self.start()

    def _configure(self) -> None:
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(
                f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"
                "hot_standby = on\nwal_level = replica\nshared_buffers = 32MB\nmax_wal_senders = 4\n"
            )

    def start(self) -> None:
        self._control("start", "-l", str(self._log))

    def stop(self, mode: str = "fast") -> None:
        """``immediate`` is as if it had crashed."""
        self._control("stop", "-m", mode)

    def restart(self) -> None:
        self._control("restart", "-m", "fast", "-l", str(self._log))

    def promote(self) -> None:
        """A standby becomes a primary."""
        self._control("promote")

    def become_standby(self, of: Cluster) -> None:
        """The roles change: the standby is promoted, and this one follows it from now on."""
        of.promote()
        self.stop("fast")
        (self.data / "standby.signal").touch()
        with (self.data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write(f"primary_conninfo = 'host=127.0.0.1 port={of.port} user={USER} password={PASSWORD}'\n")
        self.start()

    def processes(self) -> list[int]:
        """Every process of the server, its own last, so that it makes no new ones meanwhile."""
        own = int((self.data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        children = run("ps", "--ppid", str(own), "-o", "pid=").split()
        return [own, *map(int, children)]

    def full(self) -> Cluster:
        """Every connection that it allows is taken."""
        self.execute("ALTER SYSTEM SET max_connections = 8", "ALTER SYSTEM SET superuser_reserved_connections = 3",
                     "ALTER SYSTEM SET max_wal_senders = 0", "ALTER SYSTEM SET wal_level = minimal")  # fmt: skip
        self.restart()
        there = f"host=127.0.0.1 port={self.port} user={USER} password={PASSWORD} dbname={DATABASE}"
        with suppress(psycopg.OperationalError):
            while True:
                self._held.append(psycopg.connect(there))
        return self

    def without_fsync(self) -> Cluster:
        """A server that forgets when its machine's power goes."""
        self.execute("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        return self

    def owned_by_another(self) -> Cluster:
        """The bot's user may connect, and make nothing."""
        self.execute(f"ALTER DATABASE {DATABASE} OWNER TO postgres")
        return self

    def demand_tls(self) -> None:
        """Nobody is let in without TLS any more."""
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
            "-keyout", self.data / "server.key", "-out", self.data / "server.crt")  # fmt: skip
        if os.geteuid() == 0:
            for name in ("server.key", "server.crt"):
                shutil.chown(self.data / name, "postgres")
        (self.data / "server.key").chmod(0o600)
        allowed = self.data / "pg_hba.conf"
        allowed.write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n", encoding="utf-8")
        self.execute("ALTER SYSTEM SET ssl = on")
        self.restart()

    def execute(self, *statements: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run statements as the superuser, each by itself; the rows of the last one."""
        rows: list[tuple[object, ...]] = []
        there = f"host=127.0.0.1 port={self.port} user=postgres password={PASSWORD} dbname={database}"
        with psycopg.connect(there, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def remove(self) -> None:
        for held in self._held:
            held.close()
        if (self.data / "postmaster.pid").exists():
            subprocess.run(_as_postgres([self._bin / "pg_ctl", "stop", "-m", "immediate", "-D", self.data]),
                           check=False, capture_output=True)  # fmt: skip
        shutil.rmtree(self.data, ignore_errors=True)

    def _control(self, what: str, *more: str) -> None:
        # Its output would be held open by the server that it starts.
        words = _as_postgres([self._bin / "pg_ctl", what, "-w", "-t", "60", "-D", self.data, *more])
        done = subprocess.run([str(word) for word in words], check=False, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.data.parent)  # fmt: skip
        log = self._log.read_text(encoding="utf-8") if self._log.exists() else ""
        assert done.returncode == 0, f"pg_ctl {what}: {log[-2000:]}"

    def _run(self, program: str, *words: str | Path) -> None:
        run(*_as_postgres([self._bin / program, *words]), cwd=self.data.parent)


class Clusters:
    """The servers of one test, in a folder that PostgreSQL's own user can get at."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="dhbot-clusters-"))
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres")
        self._made: list[Cluster] = []

    def primary(self, name: str = "primary", *, only_tls: bool = False) -> Cluster:
        """A cluster with the bot's database in it."""
        cluster = self._add(name)
        cluster.make()
        if only_tls:
            cluster.demand_tls()
        return cluster

    def standby(self, of: Cluster, name: str = "standby") -> Cluster:
        """A cluster that follows another one."""
        cluster = self._add(name)
        cluster.follow(of)
        return cluster

    def _add(self, name: str) -> Cluster:
        cluster = Cluster(self._folder, name)
        self._made.append(cluster)
        return cluster

    def remove(self) -> None:
        """End all of them, and remove their files."""
        for cluster in self._made:
            cluster.remove()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def clusters() -> Iterator[Clusters]:
    """None at first; what a test makes is removed at the end."""
    made = Clusters()
    try:
        yield made
    finally:
        made.remove()
