"""The Grafana board and the alert rules in `conf/` ask for metrics and labels that there are."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from iipserve.transport.metrics import COUNTERS, GAUGES, HISTOGRAMS
from tests.end_to_end.running import ROOT, needed

BOARD, RULES = ROOT / "conf" / "grafana-board.json", ROOT / "conf" / "prometheus-alerts.yaml"
LABELS = {
    **{
        f"iipserve_{name}_{part}": {*labels, "le"}
        for name, (_, labels) in HISTOGRAMS.items()
        for part in ("bucket", "count", "sum")
    },
    **{f"iipserve_{name}_total": {*labels} for name, (_, labels) in COUNTERS.items()},
    **{f"iipserve_{name}": {"worker"} for name in GAUGES},
    "iipserve_workers": set(),
}
"""Of each metric."""
OF_PROMETHEUS = {"instance", "job"}


def expressions() -> list[str]:
    """All of the board, and the file of rules as one."""
    board = json.loads(BOARD.read_text())
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]] + [RULES.read_text()]


def test_metrics_and_labels_exist() -> None:
    used = [name for text in expressions() for name in re.findall(r"\biipserve_\w+", text)]
    assert set(used) <= LABELS.keys()
    assert len(set(used)) > 10
    for text in expressions()[:-1]:
        (*_, last) = names = re.findall(r"\biipserve_\w+", text)
        known = set.union(*(LABELS[name] for name in names)) | OF_PROMETHEUS
        grouped = [label.strip() for by in re.findall(r"by \(([^)]*)\)", text) for label in by.split(",")]
        selected = re.findall(r"(\w+)=~?\"", text)
        assert {*grouped, *selected} <= known, last


def test_each_counted_metric_is_on_the_board_or_in_the_documents() -> None:
    documented = (ROOT / "docs" / "deployment.md").read_text()
    missing = [name for name in (*HISTOGRAMS, *GAUGES) if f"iipserve_{name}" not in documented]
    missing += [name for name in COUNTERS if f"iipserve_{name}_total" not in documented]
    assert missing == []


def test_prometheus_accepts_the_rules() -> None:
    done = subprocess.run(
        [needed("promtool"), "check", "rules", str(RULES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS: 6 rules found" in done.stdout


@pytest.mark.parametrize("path", [BOARD, RULES], ids=lambda path: path.name)
def test_documents_name_the_file(path: object) -> None:
    assert str(path).rpartition("/")[2] in (ROOT / "docs" / "deployment.md").read_text()
