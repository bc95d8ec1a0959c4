"""Forms that the documents show are those of the server."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from iipserve import app
from iipserve.check.limits import limits
from iipserve.config import Config
from iipserve.config.memory import allowed_bytes, replaced_bytes
from iipserve.transport import logs
from iipserve.transport.service import MonitoredApplication
from tests.documentation.clone import repository_files
from tests.documentation.markdown import Block, blocks
from tests.end_to_end.running import ROOT
from tests.images import smooth, write_tiff_pyramid
from tests.test_app import Request, ask, body


@pytest.fixture
def application(tmp_path: Path) -> app.Application:
    write_tiff_pyramid(tmp_path / "a.tif", smooth((600, 600)), compression="jpeg")
    return app.build(Config(filesystem_prefix=f"{tmp_path}/"))


def block(document: str, word: str) -> Block:
    (found,) = (
        each for each in blocks(ROOT / "docs" / document) if each.language == "" and word in each.text
    )
    return found


def test_line_of_the_log(application: app.Application, own_log: Path) -> None:
    documented = block("deployment.md", "INFO GET").text.strip()
    config = Config(verbosity=2, logfile=str(own_log))
    logs.set_up(config)
    environ = {"REQUEST_METHOD": "GET", "REQUEST_URI": "/iip?FIF=a.tif&JTL=1,0", "REMOTE_ADDR": "192.0.2.7"}
    server = MonitoredApplication(application, config)
    server.record(server.answer(Request.from_environ(environ)), complete=True)
    (line,) = own_log.read_text().splitlines()
    shown, expected = (re.sub(r"\d[\d.]*", "1", re.sub(r"id=\w+", "", text)) for text in (line, documented))
    assert shown == expected


def test_sum_of_the_limits() -> None:
    """The line of --check, and the rows of the table that it is the sum of."""
    config = Config(workers=2)
    assert block("security.md", "memory:").text.strip() in limits(config)
    table = (ROOT / "docs" / "security.md").read_text().partition("| a worker takes at most ")[2]
    cells = [row.split("|")[2] for row in table.partition("\n\n")[0].splitlines()[2:]]
    *parts, total, replaced = (int(cell.replace(",", "")) for cell in cells)
    assert total == round(allowed_bytes(config) / 1e6)
    assert abs(sum(parts) - total) <= 1, "of rounded parts"
    assert replaced == round(replaced_bytes(config) / 1e6)


def members(value: Any) -> Any:
    """Names of members, and a list as its first item."""
    if isinstance(value, dict):
        return {name: members(item) for name, item in value.items()}
    return [members(value[0])] if isinstance(value, list) else "number"


@pytest.mark.parametrize("name", ["statistics", "histogram"])
def test_form_of_an_object(application: app.Application, name: str) -> None:
    text = block("protocols.md", "OBJ=statistics").text
    documented = text.partition(f"OBJ={name} ")[2].partition("OBJ=")[0]
    shown = documented.replace("[256 counts]", "[256]").replace(", ...]", "]")
    answered = json.loads(body(ask(application, f"/iip?FIF=a.tif&OBJ={name}")))
    assert members(answered) == members(json.loads(shown))


def test_top_level_holds_what_contributors_are_told() -> None:
    """Nothing that a test or a tool left behind has been committed with the rest."""
    allowed = {
        "iipserve", "conf", "scripts", "tests", "docs", ".ci", "iipserve.fcgi", "setup.cfg", "pyproject.toml",
        "nginx-example.conf", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", ".gitignore", ".dockerignore",
    }  # fmt: skip
    assert {Path(name).parts[0] for name in repository_files()} <= allowed
