"""A certificate for 127.0.0.1, for the servers that the tests and the benchmarks start."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path


def certificate(folder: Path) -> Path:
    """A certificate that signs itself, with its key, in one file in this folder; another one each time."""
    openssl = shutil.which("openssl")
    assert openssl, "the openssl command is needed to make a certificate"
    subprocess.run(  # noqa: S603 - arguments of ours
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    both = folder / "both.pem"
    both.write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return both


def server_context(file: Path) -> ssl.SSLContext:
    """What a server with this certificate needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def trusting(file: Path) -> ssl.SSLContext:
    """What a client needs that trusts this certificate and no other."""
    return ssl.create_default_context(cafile=str(file))
