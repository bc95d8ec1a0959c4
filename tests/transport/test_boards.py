"""The Grafana board and the alert rules in `conf/` ask for metrics and labels that there are."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from iipserve.transport.counters import Counters
from iipserve.transport.metrics import COUNTERS, GAUGES, HISTOGRAMS, exposition
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


VARIABLES = {"$__rate_interval": "1m", "$instance": ".*"}
"""Of Grafana and of the board, and what a person may choose for them."""


def queries() -> list[str]:
    """All of the board."""
    board = json.loads(BOARD.read_text())
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def expressions() -> list[str]:
    """All of the board, and the file of rules as one."""
    return [*queries(), RULES.read_text()]


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


def test_metrics_are_exported() -> None:
    """Names in the text for Prometheus, of a server that has answered nothing yet."""
    text = exposition(Counters(1), "")[0].decode()
    parts = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("",), "gauge": ("",)}
    families = re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)
    exported = {f"{name}{part}" for name, kind in families for part in parts[kind]}
    assert {name for text in expressions() for name in re.findall(r"\biipserve_\w+", text)} <= exported


def test_each_counted_metric_is_on_the_board_or_in_the_documents() -> None:
    documented = (ROOT / "docs" / "deployment.md").read_text()
    missing = [name for name in (*HISTOGRAMS, *GAUGES) if f"iipserve_{name}" not in documented]
    missing += [name for name in COUNTERS if f"iipserve_{name}_total" not in documented]
    assert missing == []


def checked(rules: Path) -> str:
    """What promtool says of a file of rules that it accepts."""
    command = [needed("promtool"), "check", "rules", str(rules)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_accepts_the_rules() -> None:
    assert "SUCCESS: 6 rules found" in checked(RULES)


def test_prometheus_accepts_the_queries_of_the_board(tmp_path: Path) -> None:
    rules = []
    for number, query in enumerate(queries()):
        for name, value in VARIABLES.items():
            query = query.replace(name, value)
        assert "$" not in query
        rules.append({"record": f"board:{number}", "expr": query})
    path = tmp_path / "rules.yaml"
    path.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in checked(path)


def test_the_board_says_what_grafana_understands() -> None:
    """The models of its schema leave out members that they do not have, and so change nothing here."""
    register_default_plugins()
    board = json.loads(BOARD.read_text())
    assert lost(board, understood(board)) == []
    board["panels"][0]["fieldConfig"]["defaults"]["units"] = "reqps"
    assert lost(board, understood(board)) == ["/panels/0/fieldConfig/defaults/units"]


def understood(board: object) -> object:
    """A board as it comes out of the models."""
    return json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(board)))


def lost(given: object, left: object, place: str = "") -> list[str]:
    """Where a document has something that another has not, as JSON pointers."""
    if isinstance(given, dict) and isinstance(left, dict):
        pairs = [(key, given[key], left.get(key)) for key in given]
    elif isinstance(given, list) and isinstance(left, list) and len(given) == len(left):
        pairs = [(index, *both) for index, both in enumerate(zip(given, left, strict=True))]
    else:
        return [] if given == left else [place]
    return [each for key, some, other in pairs for each in lost(some, other, f"{place}/{key}")]


@pytest.mark.parametrize("path", [BOARD, RULES], ids=lambda path: path.name)
def test_documents_name_the_file(path: object) -> None:
    assert str(path).rpartition("/")[2] in (ROOT / "docs" / "deployment.md").read_text()
