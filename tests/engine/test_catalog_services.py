"""The layers of a service file: found, listed, and taken over anew."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.engine.catalog import LiveCatalog
from iipserve.engine.catalog_scan import CatalogScan
from iipserve.errors import ConfigError
from iipserve.image import ImageName
from tests.engine.fakes import marked_library

TEXT = """
[service]
title = "Title"

[[layer]]
identifier = "second"
image = "sub folder/é"
title = "É"

[[layer]]
identifier = "first"
image = "a.img"

[[layer]]
identifier = "hidden"
image = "a"
public = false

[[layer]]
identifier = "missing"
image = "none"
"""


def _catalog(folder: Path, text: str) -> LiveCatalog:
    (folder.parent / "s.toml").write_text(text)
    config = Config(filesystem_prefix=f"{folder}/", services=f"{folder.parent}/s.toml")
    return LiveCatalog(config, marked_library(folder), lambda info: None)


def _names(catalog: LiveCatalog) -> list[str]:
    return [entry.layer.identifier for entry in catalog.current().entries()]


def test_public_layers_are_listed_in_the_order_of_the_file(folder: Path) -> None:
    catalog = _catalog(folder, TEXT)
    catalog.refresh()
    assert _names(catalog) == ["second", "first"]
    assert [entry.layer.name for entry in catalog.current().entries()] == [
        ImageName("sub folder/é.img"),
        ImageName("a.img"),
    ]
    assert catalog.current().metadata.title == "Title"


@pytest.mark.parametrize("is_listed", [False, True])
def test_layers_are_found_by_name_and_by_image(folder: Path, is_listed: bool) -> None:
    catalog = _catalog(folder, TEXT)
    if is_listed:
        catalog.refresh()
    found = {name: catalog.current().find(name) for name in ("second", "first", "a.img", "sub folder/é")}
    assert {name: layer and (layer.identifier, layer.name.identifier) for name, layer in found.items()} == {
        "second": ("second", "sub folder/é.img"), "first": ("first", "a.img"), "a.img": ("first", "a.img"),
        "sub folder/é": ("second", "sub folder/é.img"),
    }  # fmt: skip
    for name in ("hidden", "a", "missing", "none", "../secret", ""):
        assert catalog.current().find(name) is None


def test_an_image_that_comes_later_is_listed_then(folder: Path) -> None:
    catalog = _catalog(folder, TEXT)
    catalog.refresh()
    before = catalog.current().version
    (folder / "none.img").write_bytes(b"MARKn")
    catalog.refresh()
    assert _names(catalog) == ["second", "first", "missing"]
    assert catalog.current().version > before


def test_a_file_without_layers_offers_every_image(folder: Path) -> None:
    catalog = _catalog(folder, '[service]\ntitle = "Title"')
    catalog.refresh()
    assert _names(catalog) == ["a", "sub folder/é"]
    assert catalog.current().metadata.title == "Title"


def test_a_file_with_an_empty_list_of_layers_offers_none(folder: Path) -> None:
    catalog = _catalog(folder, "layer = []")
    catalog.refresh()
    assert _names(catalog) == []
    assert catalog.current().find("a") is None


def test_a_mistake_stops_the_start(folder: Path) -> None:
    with pytest.raises(ConfigError, match="line 2"):
        _catalog(folder, "[service]\ntitle = 3")


def test_reload_takes_over_the_file_and_a_mistake_changes_nothing(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    catalog = _catalog(folder, TEXT)
    catalog.refresh()
    before = catalog.current()
    with caplog.at_level(logging.ERROR):
        (folder.parent / "s.toml").write_text("[service]\ntitle = 3")
        catalog.reload()
    assert catalog.current() is before
    assert "s.toml, line 2: service.title is 3; it must be a text" in caplog.messages
    assert "what it said before stays in force" in caplog.text

    (folder.parent / "s.toml").write_text(TEXT.replace('"Title"', '"Other"').replace('"second"', '"2nd"'))
    catalog.reload()
    assert catalog.current().find("second") is None
    assert catalog.current().find("2nd") is not None
    catalog.refresh()
    assert _names(catalog) == ["2nd", "first"]
    assert catalog.current().metadata.title == "Other"
    assert catalog.current().version > before.version


def test_another_service_file_needs_no_image_to_be_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = _catalog(folder, TEXT)
    catalog.refresh()
    monkeypatch.setattr(CatalogScan, "_read", _never)
    (folder.parent / "s.toml").write_text(TEXT.replace('"second"', '"2nd"'))
    catalog.reload()
    catalog.refresh()
    assert _names(catalog) == ["2nd", "first"]


def _never(*args: object) -> None:
    raise AssertionError


def test_the_same_image_may_be_in_several_layers(folder: Path) -> None:
    layers = (
        '[[layer]]\nidentifier = "x"\nimage = "a"\n[[layer]]\nidentifier = "y"\nimage = "a"\ninvert = true'
    )
    catalog = _catalog(folder, layers)
    catalog.refresh()
    assert _names(catalog) == ["x", "y"]
    assert [len(entry.layer.styles[0].operations) for entry in catalog.current().entries()] == [0, 1]
