"""`dh-bot sandbox`: the page, from start to end. No process and no file is left behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import webbrowser
from pathlib import Path

from sandbox.page.scene import Scene
from sandbox.page.server import Page

PORT = 8480
INTERRUPTED = 130


def main(port: int | None = None, *, open_browser: bool = True) -> int:
    """Serve the page until Ctrl-C (130) or SIGTERM (0); returns the exit status."""
    ends = _signals(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    folder = Path(tempfile.mkdtemp(prefix="dh-bot-sandbox-"))
    scene = Scene(folder)
    page = None
    try:
        page = serve(scene, PORT if port is None else port)
        scene.start()
        print(f"The sandbox is at {page.url}/", "Everything in it runs on this machine. Ctrl-C ends it.", sep="\n")
        sys.stdout.flush()
        if open_browser and has_display():
            threading.Thread(target=webbrowser.open, args=(f"{page.url}/",), daemon=True).start()
        received = ends.recv(1)[0]
    finally:
        scene.stop()
        if page is not None:
            page.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print("\nThe sandbox has ended; nothing is left behind.", flush=True)
    return INTERRUPTED if received == signal.SIGINT else 0


def _signals(*numbers: int) -> socket.socket:
    """A socket from which the numbers of these signals can be read as they arrive.

    Waiting for an Event that a handler sets would miss a signal that arrives just before the wait begins.
    """
    receiving, sending = socket.socketpair()
    sending.settimeout(0)  # set_wakeup_fd wants it non-blocking
    signal.set_wakeup_fd(sending.detach())
    for number in numbers:
        signal.signal(number, lambda *_: None)
    return receiving


def serve(scene: Scene, port: int) -> Page:
    """Serve the page on this port, or on a free port if this one is taken."""
    try:
        return Page(scene, port).start()
    except OSError as error:
        page = Page(scene).start()
        print(f"Port {port} cannot be used ({error.strerror}), so another one is taken.", file=sys.stderr, flush=True)
        return page


def has_display() -> bool:
    """Whether a browser can open a window. A text browser would take over the terminal, so none is started."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
