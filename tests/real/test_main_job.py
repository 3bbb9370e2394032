"""The flow suite's main job through each real part that may stand between the bot and its ledger, Slack or Huawei."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flow.world import free_port
from tests.real.nginx import nginx
from tests.real.outside import Outside
from tests.real.pgbouncer import pgbouncer
from tests.real.postgres import DATABASE, PASSWORD, USER, Cluster, clusters
from tests.real.processes import Program
from tests.real.proxies import Shut, mitmdump
from tests.support.certificates import certificate, server_context, trusting


@dataclass(frozen=True)
class Way:
    """How the bot gets there: what it has to be told, and what its command line stands behind."""

    settings: Mapping[str, str]
    enter: tuple[str, ...] = ()


@contextmanager
def a_primary_and_a_standby(outside: Outside) -> Iterator[Way]:
    """Both in DATABASE_URL, the standby first."""
    with clusters() as made:
        primary = made.primary()
        standby = made.standby(of=primary)
        hosts = f"host=127.0.0.1:{standby.port}&host=127.0.0.1:{primary.port}&target_session_attrs=read-write"
        yield Way({"DATABASE_URL": f"postgresql+psycopg://{USER}:{PASSWORD}@/{DATABASE}?{hosts}"})


def a_pooler(mode: str) -> Callable[[Outside], AbstractContextManager[Way]]:
    """PgBouncer in that mode, at its defaults."""

    @contextmanager
    def way(outside: Outside) -> Iterator[Way]:
        with clusters() as made, pgbouncer(made.primary(), mode) as port:
            yield Way({"DATABASE_URL": Cluster.url_at(port)})

    return way


@contextmanager
def nginx_in_front(outside: Outside) -> Iterator[Way]:
    """TLS outside, HTTP mode inside."""
    port = free_port()
    with nginx(outside.folder, port) as (public, trusted):
        outside.slack.trusts = trusting(trusted)
        outside.slack.deliver_http_to = f"https://127.0.0.1:{public}/slack/events"
        secret = outside.slack.signing_secret
        yield Way(
            {"SLACK_MODE": "http", "SLACK_SIGNING_SECRET": secret, "HTTP_HOST": "127.0.0.1", "HTTP_PORT": f"{port}"}
        )


@contextmanager
def a_proxy_with_a_password(outside: Outside) -> Iterator[Way]:
    """The only way out of the bot's network."""
    with Shut(outside.folder).up() as shut:
        proxies = {"HTTPS_PROXY": shut.proxy, "METASTUDIO_PROXY": shut.proxy}
        yield Way({**proxies, "CA_BUNDLE": str(outside.folder / "both.pem")}, shut.enter)


@contextmanager
def a_proxy_that_reads_tls(outside: Outside) -> Iterator[Way]:
    """With its own authority, which CA_BUNDLE makes trusted."""
    folder = outside.folder / "proxy"
    folder.mkdir()
    with mitmdump(folder, outside.folder / "both.pem") as (port, authority):
        proxy = f"http://127.0.0.1:{port}"
        yield Way({"HTTPS_PROXY": proxy, "METASTUDIO_PROXY": proxy, "CA_BUNDLE": str(authority)})


PARTS: Mapping[str, tuple[bool, Callable[[Outside], AbstractContextManager[Way]]]] = {
    # Whether Slack and MetaStudio speak TLS; the way.
    "PostgreSQL with a standby": (False, a_primary_and_a_standby),
    "PgBouncer, session": (False, a_pooler("session")),
    "PgBouncer, transaction": (False, a_pooler("transaction")),
    "nginx": (False, nginx_in_front),
    "CONNECT proxy": (True, a_proxy_with_a_password),
    "inspecting proxy": (True, a_proxy_that_reads_tls),
}
STORY = ["proposed", "card_posted", "claimed", "outcome", "told"]
"""What the audit trail holds of the job, in this order; a look whether it is gone may come behind it."""


@pytest.mark.parametrize("part", PARTS)
def test_the_main_job_goes_through(tmp_path: Path, part: str) -> None:
    """Command, card, click, one DELETE, the outcome in the thread; the audit trail has all of it and is sound."""
    speaks_tls, way_through = PARTS[part]
    outside = Outside(tmp_path, tls=server_context(certificate(tmp_path)) if speaks_tls else None)
    with outside.running(), way_through(outside) as way:
        program = Program(tmp_path, {**outside.settings(), **way.settings}, way.enter)
        with program.runs():
            outside.delete_a_job()
        assert program.starts("audit", "verify").wait(60) == 0, program.said()
        before = len(program.said())
        assert program.starts("audit", "export").wait(60) == 0, program.said()
        kinds = [json.loads(line).get("kind") for line in program.said()[before:].splitlines()]
        assert [kind for kind in kinds if kind in STORY][: len(STORY)] == STORY
