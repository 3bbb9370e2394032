"""Reads /metrics as Prometheus does, from a process of its own, and says how long each time took.

In the storm's own process it would measure how long the people, Slack and MetaStudio, who all play there, let it wait.

    python -m tests.replicas.scraper <file that names the port> <seconds between>
"""

from __future__ import annotations

import sys
import time
import urllib.request
from pathlib import Path


def main() -> None:
    """Until the process is ended: the seconds of each scrape, a line each. Whom nobody answers is asked again later."""
    port, every = Path(sys.argv[1]), float(sys.argv[2])
    while True:
        time.sleep(every)
        began = time.monotonic()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port.read_text().strip()}/metrics", timeout=10) as page:
                page.read()
        except TimeoutError:
            pass  # It took that long, which counts.
        except (OSError, ValueError):
            continue  # A replica that starts or was killed does not listen, and before the first there is no port.
        print(time.monotonic() - began, flush=True)


if __name__ == "__main__":
    main()
