"""The command lines of programs that a test cannot let do their work: docker, kubectl, systemctl, journalctl, pipx.

Each knows the words that the pages use and no others, so a new option has to be looked up and added here.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

SUBCOMMANDS: dict[tuple[str, ...], tuple[dict[str, bool], tuple[str, ...]]] = {
    # The program and its subcommand; its options, and whether each has a value; what else stands there, the last of it
    # with "..." if it is any number of words.
    ("docker", "build"): ({"-f": True, "-t": True}, ("context",)),
    ("docker", "run"): (
        {
            **dict.fromkeys(("--detach", "--read-only", "--rm"), False),
            **dict.fromkeys(("--name", "--restart", "--tmpfs", "--volume", "--env-file", "--stop-timeout"), True),
            **dict.fromkeys(("--user", "--entrypoint", "--cap-drop", "--security-opt"), True),
        },
        ("image", "words..."),
    ),
    ("docker", "logs"): ({"--follow": False}, ("container",)),
    ("docker", "exec"): ({}, ("container", "program", "words...")),
    ("docker", "cp"): ({}, ("source", "target")),
    ("kubectl", "create", "namespace"): ({}, ("name",)),
    ("kubectl", "create", "secret", "generic"): ({"--namespace": True, "--from-file": True}, ("name",)),
    ("kubectl", "apply"): ({"--namespace": True, "--filename": True}, ()),
    ("kubectl", "rollout", "status"): ({"--namespace": True}, ("what",)),
    ("kubectl", "exec"): ({"--namespace": True}, ("what", "program", "words...")),
    ("systemctl", "enable"): ({"--now": False}, ("unit",)),
    ("journalctl",): ({"--unit": True, "--follow": False}, ()),
    ("pipx", "install"): ({}, ("what",)),
}


def understood(words: Sequence[str]) -> argparse.Namespace:
    """What such a command line says, by the names of its options; fails for whatever is not known here."""
    program, *rest = (word for word in words if word != "--")
    (known,) = [one for one in SUBCOMMANDS if one[0] == program and set(one[1:]) <= set(rest)]
    parser = argparse.ArgumentParser(" ".join(known), allow_abbrev=False, add_help=False)
    options, places = SUBCOMMANDS[known]
    for name, has_value in options.items():
        if has_value:
            parser.add_argument(name)
        else:
            parser.add_argument(name, action="store_true")
    for number, word in enumerate(known[1:]):
        parser.add_argument(f"subcommand_{number}", choices=[word])
    for place in places:
        parser.add_argument(place.removesuffix("..."), nargs=argparse.REMAINDER if place.endswith("...") else None)
    return parser.parse_args(rest)


def docker_refuses(words: Sequence[str], folder: Path) -> str:
    """What docker's own client has against these words; nothing where there is none to ask.

    It is sent to a daemon that does not exist, so the words and `.env` are read and nothing is done.
    """
    path = shutil.which(words[0])
    if path is None:
        return ""
    done = subprocess.run(  # noqa: S603 - what the page says
        [path, *words[1:]],
        cwd=folder,
        env={"PATH": os.defpath, "HOME": "/nonexistent", "DOCKER_HOST": "unix:///nonexistent/docker.sock"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return "" if "Cannot connect to the Docker daemon" in done.stderr else done.stderr


def keys_of_secret(words: Sequence[str], folder: Path) -> set[str] | None:
    """Which keys kubectl's own client would give the secret that it is told to create; None where there is none."""
    path = shutil.which(words[0])
    if path is None:
        return None
    done = subprocess.run(  # noqa: S603 - what the page says, without sending it anywhere
        [path, *words[1:], "--dry-run=client", "--output=jsonpath={.data}"],
        cwd=folder,
        env={"PATH": os.defpath, "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))
