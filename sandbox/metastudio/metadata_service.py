"""The metadata service of a Huawei Cloud machine, on loopback: it issues the temporary keys of the agency.

    with MetadataService(cloud) as metadata:        # and the SDK's endpoint set to metadata.url
        metadata.requests                           # ["PUT /meta-data/latest/api/token", "GET /openstack/latest/…"]

It requires a token of its own as hardened machines do (PUT, then GET with `X-Metadata-Token`). Each call returns the
current keys. `renew()` makes new keys, and the cloud accepts the old ones too. `has_agency = False` plays a machine
without an agency, `fault = (status, body)` any other answer.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox.metastudio.gate import Key
from sandbox.wire.server import Reply, Request, Server

if TYPE_CHECKING:
    from sandbox.metastudio.metastudio import MetaStudio

LIFE = timedelta(hours=24)
TOKEN_PATH, KEY_PATH = "/meta-data/latest/api/token", "/openstack/latest/securitykey"


class MetadataService(Server):
    """See the top of this file."""

    def __init__(self, cloud: MetaStudio, life: timedelta = LIFE) -> None:
        super().__init__()
        self.cloud, self.life = cloud, life
        self.has_agency = True
        self.fault: tuple[int, bytes] | None = None
        self.requests: list[str] = []
        self._tokens: set[str] = set()
        self.renew()

    def renew(self) -> Key:
        """Make new temporary keys, as the real service does before the old ones expire."""
        ak, sk, token = secrets.token_hex(10).upper(), secrets.token_hex(20), secrets.token_urlsafe(300)
        self.key = Key(ak, sk, self.cloud.project_id, token)
        self.expires_at = self.cloud.now() + self.life
        self.cloud.gate.keys[ak] = self.key
        return self.key

    def answer(self, request: Request) -> Reply:
        """Answer one of the two requests."""
        self.requests.append(f"{request.method} {request.target}")
        if self.fault is not None:
            return Reply(*self.fault)
        if (request.method, request.path) == ("PUT", TOKEN_PATH):
            if not request.headers.get("X-Metadata-Token-Ttl-Seconds", "").isdecimal():
                return Reply(400)
            self._tokens.add(token := secrets.token_urlsafe(40))
            return Reply(200, token.encode())
        if (request.method, request.path) != ("GET", KEY_PATH):
            return Reply(404)
        if request.headers.get("X-Metadata-Token") not in self._tokens:
            return Reply(401, b"Unauthorized")
        if not self.has_agency:
            return Reply(401, b"Please configure Cloud Service Agency first")
        credential = {
            "access": self.key.ak,
            "secret": self.key.sk,
            "securitytoken": self.key.security_token,
            "expires_at": self.expires_at.strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
        }
        return Reply.json({"credential": credential})
