"""A signed request to MetaStudio by Huawei's own signer. It imports nothing of dh-bot, whose load time would count."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

ENDPOINT = os.environ["METASTUDIO_ENDPOINT"]
PROJECT = os.environ["METASTUDIO_PROJECT_ID"]
KEYS = BasicCredentials(os.environ["HUAWEICLOUD_SDK_AK"], os.environ["HUAWEICLOUD_SDK_SK"], PROJECT)


def signed(method: str, job: str, *, listed: bool = False) -> tuple[str, dict[str, str]]:
    """Return the address and the headers of a call about one job; with ``listed`` of List, filtered by its id."""
    scheme, _, host = ENDPOINT.partition("://")
    request = SdkRequest(
        method=method,
        schema=scheme,
        host=host,
        resource_path=f"/v1/{PROJECT}/digital-human-training-manage/user/jobs{'' if listed else f'/{job}'}",
        query_params=[("job_id", job)] if listed else [],
        header_params={"X-Project-Id": PROJECT, "X-Sdk-Date": datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")},
    )
    Signer(KEYS).sign(request)
    return f"{ENDPOINT}{request.uri}", request.header_params
