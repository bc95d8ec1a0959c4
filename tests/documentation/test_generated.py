"""What the documents say of the code is what the code says."""

from __future__ import annotations

import importlib.util
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
    ],
)
def test_generated_file_is_up_to_date(name: str, generator: str) -> None:
    expected = _generator(generator).FILES[name]()
    assert (CHECKOUT / name).read_text() == expected, f"run scripts/{generator}.py"


def test_sample_gives_the_defaults() -> None:
    lines = (CHECKOUT / "conf" / "iipserve.env").read_text().splitlines()
    pairs = dict(
        line[1:].split("=", 1)
        for line in lines
        if line.startswith("#") and line[1:2].isupper() and "=" in line
    )
    environ = {name: value for name, value in pairs.items() if name.replace("_", "").isupper()}
    assert environ.keys() == {known.variable for known in config.settings().values()}
    assert config.from_environ(environ) == config.Config()


def test_architecture_shows_every_layer() -> None:
    text = (CHECKOUT / "docs" / "architecture.md").read_text()
    for names in LAYERS:
        for name in names:
            assert name in text, f"docs/architecture.md does not show {name}"


def test_readme_names_both_commands() -> None:
    text = (CHECKOUT / "README.md").read_text()
    assert "scripts/demo" in text
    assert "scripts/test" in text
