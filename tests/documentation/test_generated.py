"""What the documents say of the code is what the code says."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from iipserve import config
from tests.test_layers import LAYERS

CHECKOUT = Path(__file__).resolve().parents[2]


def _generator(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, CHECKOUT / "scripts" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "generator"),
    [
        ("docs/settings.md", "settings_docs"),
        ("conf/iipserve.env", "settings_docs"),
        ("docs/migration.md", "migration_docs"),
        ("docs/services.md", "services_docs"),
    ],
)
def test_generated_file_is_up_to_date(name: str, generator: str) -> None:
    expected = _generator(generator).FILES[name]()
    assert (CHECKOUT / name).read_text() == expected, f"run scripts/{generator}.py"


def sourced(lines: list[str], folder: Path) -> dict[str, str]:
    """The variables that sh reads from these lines; systemd unquotes likewise (systemd.exec(5), EnvironmentFile)."""
    (folder / "sample").write_text("\n".join(lines) + "\n")
    script = 'set -a; . "$1"; exec env -0'
    done = subprocess.run(
        ["sh", "-c", script, "sh", str(folder / "sample")], env={}, capture_output=True, text=True, check=True
    )
    return dict(
        pair.split("=", 1) for pair in done.stdout.split("\0") if pair and not pair.startswith("PWD=")
    )


def test_sample_gives_the_defaults(tmp_path: Path) -> None:
    lines = (CHECKOUT / "conf" / "iipserve.env").read_text().splitlines()
    environ = sourced([line[1:] for line in lines if re.match(r"#[A-Z]", line)], tmp_path)
    assert environ.keys() == {known.variable for known in config.settings().values()}
    assert config.load(environ) == (config.Config(), {}, ())


def test_examples_of_the_sample_are_those_of_the_settings(tmp_path: Path) -> None:
    text = (CHECKOUT / "conf" / "iipserve.env").read_text()
    environ = sourced(re.findall(r"Example: (.*)", text), tmp_path)
    assert environ == {known.variable: known.example for known in config.settings().values()}


def test_architecture_shows_every_layer() -> None:
    text = (CHECKOUT / "docs" / "architecture.md").read_text()
    for names in LAYERS:
        for name in names:
            assert name in text, f"docs/architecture.md does not show {name}"


def test_readme_names_both_commands() -> None:
    text = (CHECKOUT / "README.md").read_text()
    assert "scripts/demo" in text
    assert "scripts/test" in text
