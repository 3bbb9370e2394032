"""The figures of `make mutants`, per module, and the survivors by name. Run where mutmut ran; see tests/mutants.sh."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from mutmut.stats import status_by_exit_code

WANTED = 0.9
NOTICED = ("killed", "timeout")
"""A change that makes a test run for ever has been noticed too."""


def main() -> int:
    """Print the figures; 1 if a module is below what is wanted, or nothing was tried at all."""
    survivors: list[str] = []
    scores: list[float] = []
    print(f"{'module':28} {'score':>7} {'mutants':>8} {'killed':>7} {'timeout':>8} {'not noticed':>12}")
    for path in sorted(Path("mutants").rglob("*.meta")):
        results: dict[str, int | None] = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        if not results:
            continue
        counts = Counter(status_by_exit_code[code] for code in results.values())
        noticed = sum(counts[status] for status in NOTICED)
        scores.append(noticed / len(results))
        survivors += [
            f"{name}: {status_by_exit_code[code]}"
            for name, code in results.items()
            if status_by_exit_code[code] not in NOTICED
        ]
        module = path.relative_to("mutants").with_suffix("")
        print(
            f"{module!s:28} {scores[-1]:7.1%} {len(results):8} {counts['killed']:7} {counts['timeout']:8} "
            f"{len(results) - noticed:12}"
        )
    print(*survivors, sep="\n")
    return 0 if scores and min(scores) >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
