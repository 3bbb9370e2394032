"""The metrics: the page, alerts and dashboard speak of those that there are, and labels come from closed sets."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bot.domain.model import State
from bot.domain.refusals import Reason
from bot.ops.instrumentation import around
from bot.ops.metrics import GAUGES, GaugeCollector, Metrics
from tests.support.paths import ROOT

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboard.json"
OF_THE_PROCESS = "process_"


def families() -> dict[str, Any]:
    """Every metric of ours as it is shown, by its name in the text; a counter's has ``_total`` at its end."""
    metrics = Metrics("1.2.3")
    metrics.show(GaugeCollector(lambda: {name: {"x": 1.0} if label else 1.0 for name, (_, label) in GAUGES.items()}))
    metrics.acks.labels("command", "acked").observe(0.1)
    metrics.slack.labels("chat.update", "ok").observe(0.1)
    metrics.metastudio.labels("show", "2xx").observe(0.1)
    found = {}
    for family in text_string_to_metric_families(metrics.page().decode()):
        if family.name.endswith("_created") or family.name.startswith(OF_THE_PROCESS):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = family
    return found


def queried(text: str) -> set[str]:
    """The metrics that a query names, without what a histogram adds to its name."""
    return {re.sub(r"_(?:bucket|count|sum)$", "", name) for name in re.findall(r"\bdh_bot_[a-z_]+", text)}


def test_the_alerts_and_the_dashboard_use_metrics_that_exist() -> None:
    """A renamed metric would leave an alert that never fires."""
    known = set(families())
    rules = [rule for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
    for rule in rules:
        assert queried(rule["expr"]), rule["alert"]
        assert queried(rule["expr"]) <= known, rule["alert"]
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for panel in board["panels"]:
        for target in panel["targets"]:
            assert queried(target["expr"])
            assert queried(target["expr"]) <= known, panel["title"]
    variables = " ".join(variable["query"] for variable in board["templating"]["list"])
    assert queried(variables) <= known
    shown = queried(DASHBOARD.read_text(encoding="utf-8")) - {"dh_bot"}
    assert shown == known, "every metric is on the dashboard"


def test_the_labels_that_alerts_ask_for_exist() -> None:
    """A reason, result or state that is no longer called so would match nothing."""
    text = ALERTS.read_text(encoding="utf-8")
    reasons = set(re.findall(r'reason="([^"]+)"', text))
    assert reasons
    assert reasons <= set(Reason)
    results = {part for found in re.findall(r'result=~?"([^"]+)"', text) for part in found.split("|")}
    assert results <= {"acked", "not acked", "5xx", "no answer", "never left", "too fast", "ok", "refused"}


def test_numbers_of_several_bots_are_not_mixed() -> None:
    """Alerts judge each job by itself, and the dashboard shows one at a time."""
    mixed = r"\b(?:sum|max|min|avg|count)\b(?! by \(job[,)])[^.\n]*dh_bot_.*"
    assert re.findall(mixed, ALERTS.read_text(encoding="utf-8")) == []
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    (job,) = [one for one in board["templating"]["list"] if one["name"] == "job"]
    assert (job["multi"], job["includeAll"]) == (False, False)
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert [expr for expr in asked if re.search(r'\bdh_bot_\w+(?!\w|\{job="\$job")', expr)] == []


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    """A severity, a summary, a description and a section of the runbook each, and names of their own."""
    rules = [rule for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["description"].endswith(".")
        assert rule["annotations"]["runbook"].startswith("docs/runbook.md#")


PROMTOOL = shutil.which("promtool")
NO_PROMTOOL = "promtool is not on the path; Debian's package prometheus has it"


@pytest.mark.skipif(PROMTOOL is None and os.environ.get("CI") != "true", reason=NO_PROMTOOL)
@pytest.mark.parametrize("check", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")])
def test_prometheus_itself_takes_the_alerts_and_fires_them(check: tuple[str, ...]) -> None:
    """The rules are well formed, and fire in the situations of alerts_test.yml and in no other."""
    assert PROMTOOL is not None, NO_PROMTOOL
    done = subprocess.run(  # noqa: S603 - our own words
        [PROMTOOL, *check], cwd=ALERTS.parent, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_fired_by_the_tables() -> None:
    """alerts_test.yml has a situation for each of them."""
    fired = set(re.findall(r'alertname="(\w+)"\}', (ALERTS.parent / "alerts_test.yml").read_text(encoding="utf-8")))
    assert fired == set(re.findall(r"alert: (\w+)", ALERTS.read_text(encoding="utf-8")))


def test_the_page_lists_every_metric_with_its_labels() -> None:
    """The table in docs/operating.md, name by name and label by label."""
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("| `dh_bot_")]
    listed = {}
    for line in lines:
        name, labels, text = (cell.strip() for cell in line.strip("|").split("|"))
        assert text
        listed[name.strip("`")] = set(re.findall(r"`(\w+)`", labels))
    wanted = {}
    for name, family in families().items():
        sample = family.samples[0]
        wanted[name] = set(sample.labels) - {"le"}
    assert listed == wanted


def test_whoever_needs_no_metrics_does_not_load_them() -> None:
    """The start of a bot without OPS_PORT does not wait for prometheus_client."""
    code = "import sys, bot.app; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603
    assert done.stdout.strip() == "False"


def test_rates_see_the_first_event() -> None:
    """Series of counters begin at 0 before anything has happened."""
    metrics = Metrics("1.2.3")
    text = metrics.page().decode()
    for state in set(State) - {State.NEW}:
        assert f'dh_bot_deletions_total{{state="{state.value}"}} 0.0' in text
    for reason in Reason:
        assert f'dh_bot_refusals_total{{reason="{reason.value}"}} 0.0' in text


def test_two_bots_in_one_process_do_not_share_their_numbers() -> None:
    """Nothing is registered globally."""
    one, other = Metrics("1"), Metrics("2")
    one.deletions.labels("deleted").inc()
    assert 'dh_bot_deletions_total{state="deleted"} 0.0' in other.page().decode()


def test_a_watched_call_is_passed_on_as_it_is() -> None:
    """Arguments, result and exception reach their caller, also when counting fails."""

    class Thing:
        def double(self, number: int, *, plus: int = 0) -> int:
            return number * 2 + plus

        def fail(self) -> None:
            raise KeyError("x")

    thing, calls = Thing(), []

    def count(call: Any) -> None:
        calls.append((call.args, call.kwargs, call.result, type(call.error)))
        raise RuntimeError("counting fails")

    around(thing, "double", count)
    around(thing, "fail", count)
    assert thing.double(2, plus=1) == 5
    with pytest.raises(KeyError):
        thing.fail()
    assert calls == [((2,), {"plus": 1}, 5, type(None)), ((), {}, None, KeyError)]
    assert "double" not in vars(Thing())
