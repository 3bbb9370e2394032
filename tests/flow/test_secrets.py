"""Secrets and the personal data of the person filmed appear nowhere: not in Slack, logs, tracebacks or ledger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.metastudio import faults as play
from tests.flow.process import Process
from tests.flow.world import IAM_USER, World
from tests.support import markers

MARK = "MARKER"
"""Stands in every field that must never be seen, with the field's name behind it."""


def hidden_fields() -> dict[str, object]:
    """Every field of a job that must not enter the bot, filled with markers."""
    urls = [
        f"{name}_url"
        for name in (
            *("action_mark_file_download", "action_mark_file_upload", "action_video_download", "audio_file_download"),
            *("cover_download", "external_action_json_data_download", "grant_file_download"),
            *("id_card_image1_download", "id_card_image2_download", "markable_action_video_download"),
            *("markable_video_download", "mask_file_download", "post_beauty_image_download"),
            *("pre_beauty_image_download", "training_video_download", "verify_video_download"),
        )
    ]
    return {
        **{name: f"https://obs.example.com/{MARK}-{name}?sig={MARK}" for name in urls},
        "contact": f"+86-{MARK}-contact",
        "app_user_id": f"{MARK}-app-user",
        "batch_name": f"{MARK}-batch",
        "tags": [f"{MARK}-tag"],
        "comment_logs": [{"comment_title": f"{MARK}-title", "comment_message": f"{MARK}-comment"}],
        "operation_logs": [{"log_type": "X", "log_description": f"{MARK}-review"}],
        "samples": [{"sample_download_url": f"https://obs.example.com/{MARK}-sample"}],
    }


@pytest.mark.parametrize("auth", ["aksk", "token"])
def test_nothing_secret_or_personal_is_seen_anywhere(tmp_path: Path, auth: str) -> None:
    """The whole flow, refusals and errors included, at LOG_LEVEL=DEBUG, with access keys and with an IAM user.

    Slack calls, log and database pages are searched for markers in hidden fields, for every token and key, and for
    every response_url and trigger_id.
    """
    w = World(tmp_path, HUAWEICLOUD_SDK_SECURITY_TOKEN="", METASTUDIO_AUTH=auth).start()
    try:
        job = w.cloud.add_job(state="TRAIN_FAILED", name="A name that is shown", **hidden_fields())
        bot = Process(w, LOG_LEVEL="DEBUG")
        password = IAM_USER["IAM_PASSWORD"]
        w.cloud.faults.add(play.TOKEN, play.iam(500, f"no user with password {password} or {json.dumps(password)}"))
        w.slack.command(w.anna, w.ops, "any-job").wait_answer()
        w.slack.command(w.carl, w.ops, job).wait_answer()
        w.slack.command(w.anna, w.ops, "../x").wait_ack()
        w.slack.command(w.anna, w.ops, f"{job} because").wait_ack()
        card = w.slack.wait_for(lambda: w.slack.messages(w.ops), 10)[-1]
        leak = f"verify aksk signature fail, ak:{w.cloud.ak}, Access={w.cloud.ak}, X-Auth-Token: {MARK}-token"
        leak += "".join(f", decrypt token fail <{token}>" for token in w.cloud.gate.tokens)
        w.cloud.faults.add("Show2dModelTrainingJob", play.gateway(400, "APIGW.0999", leak))
        w.slack.click(w.carl, card, "dh_confirm").wait_answer()
        w.slack.click(w.anna, card, "dh_confirm").wait_answer()
        w.cloud.faults.add("Delete2dModelTrainingJob", play.error(500, "MSS.00000004", f"{w.cloud.sk}"))
        w.slack.faults.add("chat.postMessage", "cut", when="after")
        w.slack.faults.add("chat.update", "http", status=500)
        w.slack.click(w.anna, card, "dh_confirm").wait_ack()
        w.slack.wait_for(lambda: any("Not sure yet" in said for said in w.thread(card)), 15)
        assert bot.stop() == 0

        calls = "\n".join(
            json.dumps({name: value for name, value in call.args.items() if name != "token"}) for call in w.slack.calls
        )
        log = "\n".join(bot.log)
        pages = markers.ledger(w).decode("utf-8", "replace")
        secrets = {
            w.slack.bot_token,
            w.slack.app_token,
            w.slack.signing_secret,
            w.cloud.ak,
            w.cloud.sk,
            password,
            json.dumps(password)[1:-1],
            *w.cloud.gate.tokens,
            *(one.response_url for one in w.slack.invocations if one.response_url),
            *(one.trigger_id for one in w.slack.invocations if one.trigger_id),
        }
        assert len(secrets) > 10
        assert job in pages
        assert len(w.cloud.gate.tokens) == (1 if auth == "token" else 0)
        for place, text in (("Slack calls", calls), ("log", log), ("ledger", pages)):
            assert MARK not in text, f"a hidden field is in the {place}"
            # A response_url is itself the address of a call, but is in the arguments of none.
            found = [secret[:12] for secret in secrets if secret in text]
            assert found == [], f"secrets in the {place}"
        assert "because" not in log
        assert "A name that is shown" not in log
        assert "A name that is shown" in calls
        assert len(bot.log) > 3
    finally:
        w.stop()
