"""The workflow and dependabot.yml of .github/: they run what `.ci/run` runs, on each Python that is claimed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.support.paths import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").iterdir())
CI: dict[Any, Any] = yaml.safe_load((GITHUB / "workflows" / "ci.yml").read_text(encoding="utf-8"))
JOBS: dict[str, dict[str, Any]] = CI["jobs"]
ON = CI[True]
"""YAML 1.1 reads the word on as a truth value."""
PYTHONS = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
RUN = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
KNOWN_JOB = {"name", "runs-on", "timeout-minutes", "strategy", "container", "steps"}
KNOWN_STEP = {"name", "run", "uses", "with"}
MAKE = re.compile(r"make (?:PYTHON=\S+ )?(?P<target>[a-z-]+)")


def steps(job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = JOBS[job]["steps"]
    return found


def commands(job: str) -> list[str]:
    """The commands of a job, one a line."""
    return [line for one in steps(job) for line in one.get("run", "").replace("\\\n", " ").splitlines()]


def targets(job: str) -> Iterator[str]:
    """What make is told."""
    for command in commands(job):
        if not re.match(r"(?:sudo )?apt-get ", command):
            # ${{ … }} is one word to make, and several to a pattern.
            found = MAKE.fullmatch(re.sub(r"\$\{\{.*?\}\}", "X", command).replace("pythonX", "python"))
            assert found, command
            yield found["target"]


def packages(job: str) -> set[str]:
    """What apt-get installs."""
    typed = [command.split() for command in commands(job) if "apt-get install" in command]
    return {word for words in typed for word in words[words.index("install") + 1 :] if not word.startswith("-")}


def test_there_is_one_workflow() -> None:
    """The tests below are about this one; another needs tests of its own."""
    assert [path.name for path in WORKFLOWS] == ["ci.yml"]


@pytest.mark.parametrize("job", JOBS)
def test_each_command_is_a_word_of_make(job: str) -> None:
    """Beside installing packages, a job only calls make, with a target that is there."""
    told = set(targets(job))
    assert told
    assert told <= TARGETS


def test_the_workflow_runs_what_ci_runs() -> None:
    """Each target of `.ci/run`; the matrix has `make test` on the newest Python in place of `make test-newest`."""
    wanted = set(re.findall(r"^make ([a-z-]+)", RUN, re.MULTILINE))
    assert {target for job in JOBS for target in targets(job)} == wanted - {"test-newest"}


def test_the_matrix_is_the_pythons_that_are_claimed() -> None:
    """Those of the classifiers in pyproject.toml, each as the Python that make takes; none ends the others."""
    strategy = JOBS["test"]["strategy"]
    assert strategy == {"fail-fast": False, "matrix": {"python": PYTHONS}}
    here = "${{ matrix.python }}"
    (setup,) = [one for one in steps("test") if one.get("uses", "").startswith("actions/setup-python@")]
    assert setup["with"]["python-version"] == here
    assert f"make PYTHON=python{here} test" in commands("test")


def test_the_other_job_has_what_ci_installs() -> None:
    """Every package that `.ci/run` names; a missing one would fail its tests. Debian 12 has the oldest Python."""
    (listed,) = re.findall(r"^packages=\((.*?)\)", RUN, re.MULTILINE | re.DOTALL)
    assert set(listed.split()) <= packages("long")
    assert JOBS["long"]["container"] == {"image": "debian:bookworm", "options": "--privileged"}
    assert PYTHONS[0] == "3.11"


def test_a_workflow_may_read_and_nothing_else() -> None:
    """No job asks for more, none keeps the token in the clone, and none gets a secret."""
    assert CI["permissions"] == {"contents": "read"}
    assert not [job for job in JOBS.values() if "permissions" in job or "secrets" in job or "env" in job]
    clones = [one for job in JOBS for one in steps(job) if one.get("uses", "").startswith("actions/checkout@")]
    assert len(clones) == len(JOBS)
    assert all(one["with"] == {"persist-credentials": False} for one in clones)
    text = WORKFLOWS[0].read_text(encoding="utf-8")
    assert "secrets." not in text
    assert set(re.findall(r"\$\{\{ (.+?) \}\}", text)) == {
        *("matrix.python", "github.ref", "github.event_name == 'pull_request'"),
    }, "what a stranger can write, such as a title, must not get into a command"


def test_a_workflow_has_the_form_that_github_reads() -> None:
    """Known words only, an end for each job, actions by their version, and no pull request from outside with rights."""
    assert CI.keys() == {"name", True, "permissions", "concurrency", "jobs"}
    assert ON == {"push": {"branches": ["main"]}, "pull_request": None}
    assert CI["concurrency"].keys() == {"group", "cancel-in-progress"}
    for name, job in JOBS.items():
        assert job.keys() <= KNOWN_JOB
        assert {"runs-on", "timeout-minutes", "steps"} <= job.keys()
        assert 0 < job["timeout-minutes"] <= 360
        for step in steps(name):
            assert step.keys() <= KNOWN_STEP
            assert ("run" in step) != ("uses" in step)
            assert re.fullmatch(r"actions/[a-z-]+@v\d+\.\d+\.\d+", step.get("uses", "actions/a@v1.0.0"))


def test_dependabot_looks_at_what_is_there() -> None:
    """Python's packages and the actions, once a week."""
    config = yaml.safe_load((GITHUB / "dependabot.yml").read_text(encoding="utf-8"))
    assert config.keys() == {"version", "updates"}
    assert config["version"] == 2
    weekly = {"directory": "/", "schedule": {"interval": "weekly"}}
    assert config["updates"] == [{"package-ecosystem": one, **weekly} for one in ("pip", "github-actions")]
