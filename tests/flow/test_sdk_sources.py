"""METASTUDIO_AUTH=profile and agency: the real readers of Huawei's SDK, against a file and a metadata service here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huaweicloudsdkcore.auth.internal import MetadataAccessor

from bot.app import CannotStart, build
from bot.metastudio.credentials.sdk import AgencyKeys
from bot.settings.load import read_settings
from sandbox.metastudio import faults as play
from sandbox.metastudio.faults import DELETE, SHOW
from sandbox.metastudio.gate import Key
from sandbox.metastudio.metadata_service import MetadataService
from sandbox.metastudio.world import Seen
from tests.flow.process import Process
from tests.flow.world import World

HOUR = 3600


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    """Slack and MetaStudio, and no bot yet."""
    made = World(tmp_path, CONFIRM_WITHIN_SECONDS="3600").start()
    try:
        yield made
        assert made.slack.violations == []
        assert made.cloud.errors == []
    finally:
        made.stop()


def start_message(w: World, **settings: str) -> str:
    """Why the bot does not start; nothing was asked of Slack or MetaStudio before that."""
    w.extra |= settings
    with pytest.raises(CannotStart) as caught:
        build(read_settings(w.environ(), env_file=None), w.clock)
    assert (len(w.slack.calls), len(w.cloud.requests)) == (0, 0)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return str(caught.value)


# ------------------------------------------------------------------------------------------------------------ profile


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the environment says that the credentials file is."""
    path = tmp_path / "credentials"
    monkeypatch.setenv("HUAWEICLOUD_SDK_CREDENTIALS_FILE", str(path))
    return path


@pytest.mark.parametrize("token", [None, "temporary/token+="])
def test_a_deletion_with_the_keys_of_the_profile(w: World, profile: Path, token: str | None) -> None:
    """Section [basic]: ak and sk, and a security token if there is one, sign everything."""
    w.cloud.gate.keys = {"PROFILEKEY": Key("PROFILEKEY", "profile-secret", w.cloud.project_id, token)}
    profile.write_text(
        "[basic]\nak = PROFILEKEY\nsk = profile-secret\n" + (f"security_token = {token}\n" if token else "")
    )
    w.run_bot(METASTUDIO_AUTH="profile")
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.press(w.card(job))
    assert job in w.cloud.deleted
    (delete,) = w.cloud.requests_to(DELETE)
    assert "Access=PROFILEKEY" in (delete.header("Authorization") or "")
    assert delete.header("X-Security-Token") == token


def test_the_default_place_of_the_profile(w: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """~/.huaweicloud/credentials."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".huaweicloud").mkdir()
    (tmp_path / ".huaweicloud" / "credentials").write_text(f"[basic]\nak = {w.cloud.ak}\nsk = {w.cloud.sk}\n")
    w.run_bot(METASTUDIO_AUTH="profile")
    w.card(w.cloud.add_job(state="TRAIN_FAILED"))


BROKEN_PROFILES: dict[str, bytes | None] = {
    "no file": None,
    "an empty file": b"",
    "another section": b"[global]\nak = PROFILEKEY\nsk = SECRETLOOKS\n",
    "half a pair": b"[basic]\nak = PROFILEKEY\n",
    "no section": b"ak = PROFILEKEY\nsk = SECRETLOOKS\n",
    "a percent sign": b"[basic]\nak = PROFILEKEY\nsk = %(SECRETLOOKS\n",
    "not text": b"[basic]\nak = \xff\xfePROFILEKEY\n",
    "an identity provider": b"[basic]\nidp_id = x\nid_token_file = /nowhere\n",
}


@pytest.mark.parametrize("name", list(BROKEN_PROFILES))
def test_a_profile_without_keys_stops_the_start(w: World, profile: Path, name: str) -> None:
    """The message names the setting and what the file needs, and quotes nothing of it."""
    content = BROKEN_PROFILES[name]
    if content is not None:
        profile.write_bytes(content)
    message = start_message(w, METASTUDIO_AUTH="profile")
    assert "METASTUDIO_AUTH=profile finds no keys" in message
    assert "[basic]" in message
    assert "SECRETLOOKS" not in message
    assert "PROFILEKEY" not in message


def test_the_command_line_ends_with_three(w: World, profile: Path) -> None:
    """`dh-bot run` says it on stderr, without a traceback that would quote the file."""
    profile.write_bytes(b"ak = PROFILEKEY\nsk = SECRETLOOKS\n")
    bot = Process(w, METASTUDIO_AUTH="profile", HUAWEICLOUD_SDK_CREDENTIALS_FILE=str(profile))
    assert bot.wait() == 3
    log = "\n".join(bot.log)
    assert "METASTUDIO_AUTH=profile finds no keys" in log
    assert "SECRETLOOKS" not in log
    assert "Traceback" not in log


# ------------------------------------------------------------------------------------------------------------- agency


@pytest.fixture
def metadata(w: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[MetadataService]:
    """The SDK's accessor asks here instead of 169.254.169.254."""
    w.cloud.gate.keys.clear()
    with MetadataService(w.cloud) as service:
        monkeypatch.setattr(MetadataAccessor, "_METADATA_ENDPOINT", service.url)
        yield service
        assert service.errors == []


def keys_of(seen: list[Seen]) -> set[str]:
    return {(one.header("Authorization") or "").partition("Access=")[2].partition(",")[0] for one in seen}


def test_the_sdk_asks_the_address_that_leads_nowhere_else() -> None:
    """What the tests replace is the link-local address, in plain HTTP as there is no other way."""
    assert MetadataAccessor._METADATA_ENDPOINT == "http://169.254.169.254"


def test_a_deletion_with_the_keys_of_the_agency(w: World, metadata: MetadataService) -> None:
    """Fetched once at start; command and click ask for nothing, and the security token is signed along."""
    w.run_bot(METASTUDIO_AUTH="agency")
    assert metadata.requests == ["PUT /meta-data/latest/api/token", "GET /openstack/latest/securitykey"]
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.press(w.card(job))
    w.tick(6)
    assert job in w.cloud.deleted
    assert {seen.header("X-Security-Token") for seen in w.cloud.requests} == {metadata.key.security_token}
    assert [seen.denied for seen in w.cloud.requests] == [None] * len(w.cloud.requests)
    assert len(metadata.requests) == 2


def test_the_agencys_keys_are_renewed_by_a_worker(w: World, metadata: MetadataService) -> None:
    """Not with forty-one minutes left, but with thirty-nine; the click that comes then asks for nothing."""
    w.run_bot(METASTUDIO_AUTH="agency")
    old = metadata.key.ak
    w.tick(23 * HOUR + 19 * 60)
    assert len(metadata.requests) == 2
    new = metadata.renew().ak
    w.tick(2 * 60)
    assert len(metadata.requests) == 3
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.press(w.card(job))
    assert job in w.cloud.deleted
    assert keys_of(list(w.cloud.requests)) == {new} != {old}
    assert len(metadata.requests) == 3


def test_a_metadata_service_in_trouble_holds_up_nobody(w: World, metadata: MetadataService) -> None:
    """The keys at hand work to their end; then nothing is sent, in words; then the worker gets new ones."""
    w.run_bot(METASTUDIO_AUTH="agency")
    card = w.card(job := w.cloud.add_job(state="TRAIN_FAILED"))
    metadata.fault = (503, b"SECRETLOOKS")
    w.tick(23 * HOUR + 50 * 60)
    asked = len(metadata.requests)
    assert asked > 2
    card = w.card(job := w.cloud.add_job(state="TRAIN_FAILED"))
    w.clock.add(11 * 60)
    before = len(w.cloud.requests)
    w.press(card)
    told = w.said_to(w.anna)[-1]
    assert "could not sign in to Huawei Cloud" in told
    assert "no usable credentials" in told
    assert "SECRETLOOKS" not in told
    assert len(card.buttons) == 2
    assert (len(w.cloud.requests), len(metadata.requests)) == (before, asked)
    metadata.fault = None
    metadata.renew()
    w.tick(60)
    w.press(card)
    assert job in w.cloud.deleted


def test_a_delete_never_leaves_with_expired_keys_of_the_agency(w: World, metadata: MetadataService) -> None:
    """They last for the GET and not for the DELETE: never sent, and nobody is asked for others."""
    w.run_bot(METASTUDIO_AUTH="agency")
    w.clock.add(23 * HOUR + 50 * 60)
    card = w.card(job := w.cloud.add_job(state="TRAIN_FAILED"))
    _, dies_at = w.app.ports.jobs.client._credentials._held
    w.clock.add(dies_at - w.clock.monotonic() - 2)

    def expire(name: str) -> None:
        if name == "change:claim":
            w.clock.add(2)

    w.app.ledger.after_commit = expire
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 0
    assert "never left the bot" in w.thread(card)[0]
    assert "no usable credentials" in w.thread(card)[0]
    assert len(metadata.requests) == 2


def _no_agency(metadata: MetadataService) -> None:
    metadata.has_agency = False


def _fault(status: int, body: bytes) -> Callable[[MetadataService], None]:
    def break_it(metadata: MetadataService) -> None:
        metadata.fault = (status, body)

    return break_it


BROKEN_METADATA: dict[str, tuple[Callable[[MetadataService], None], str]] = {
    "no agency": (_no_agency, "HTTP 401"),
    "not there": (MetadataService.stop, "ConnectionError"),
    "an error": (_fault(500, b"SECRETLOOKS"), "HTTP 500"),
    "not JSON": (_fault(200, b"SECRETLOOKS"), "JSONDecodeError"),
    "a list": (_fault(200, b'["SECRETLOOKS"]'), "AttributeError"),
    "no keys": (_fault(200, b'{"credential": {"expires_at": "2031-01-01T00:00:00.000000Z"}}'), "NoCredentials"),
    "no end": (
        _fault(200, b'{"credential": {"access": "SECRETLOOKS", "secret": "x", "securitytoken": "y"}}'),
        "TypeError",
    ),
}


@pytest.mark.parametrize("name", list(BROKEN_METADATA))
def test_a_machine_without_keys_stops_the_start(w: World, metadata: MetadataService, name: str) -> None:
    """The message names the setting and what kind of failure it was, and quotes nothing of the answer."""
    break_it, why = BROKEN_METADATA[name]
    break_it(metadata)
    message = start_message(w, METASTUDIO_AUTH="agency")
    assert "METASTUDIO_AUTH=agency gets no keys" in message
    assert why in message
    assert "SECRETLOOKS" not in message


def test_the_keys_of_the_agency_are_never_asked_for_through_a_proxy(
    w: World, metadata: MetadataService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK would take the environment's: the bot refuses, until NO_PROXY names the address."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert "Add 169.254.169.254 to NO_PROXY" in start_message(w, METASTUDIO_AUTH="agency")
    assert metadata.requests == []
    monkeypatch.setenv("no_proxy", "169.254.169.254,127.0.0.1")
    assert AgencyKeys(w.clock).current().ak == metadata.key.ak


def test_rejected_keys_of_an_agency_open_the_breaker_as_any_other(w: World, metadata: MetadataService) -> None:
    """A 401 is not repeated: each wrong signature brings the lock of the key nearer."""
    w.run_bot(METASTUDIO_AUTH="agency")
    w.cloud.faults.add(SHOW, play.gateway(401, "APIGW.0301", "verify aksk signature fail"), times=None)
    for _ in range(3):
        w.ask(w.cloud.add_job(state="TRAIN_FAILED"))
    assert len(w.cloud.requests) == 1
    assert "rejected the bot's login* a short while ago" in w.said_to(w.anna)[-1]
