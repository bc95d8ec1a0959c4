"""What the service file says of WMS, and which layers stand in which groups."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.geo.layer import LayerEntry, ServiceMetadata
from iipserve.geo.service import load
from iipserve.protocols import Server
from iipserve.protocols import map_options as options
from iipserve.protocols.wms import tree
from tests.protocols.client import FORMATS
from tests.protocols.wmts.catalogs import STRANGE, FakeCatalog
from tests.protocols.wmts.services import ENTRIES

BY_NAME = {entry.layer.identifier: entry for entry in ENTRIES}
DEFAULTS = ServiceMetadata()


def said(tmp_path: Path, text: str) -> ServiceMetadata:
    (tmp_path / "s.toml").write_text(text)
    return load(Config(services=str(tmp_path / "s.toml"))).metadata


def test_defaults_are_those_of_a_server_without_a_service_file(tmp_path: Path) -> None:
    for metadata in (DEFAULTS, said(tmp_path, "[service]")):
        assert options.operations(metadata) == options.OPERATIONS
        assert options.formats(metadata, FORMATS)["image/png"] == "png"
        assert options.max_size(metadata) == (8192, 8192)
        assert options.max_layers(metadata) == 100
        assert options.background(metadata) == (255, 255, 255)
        assert not options.answers_errors_with_their_status(metadata)
        assert not options.lists_plain_images(metadata)
        assert options.explicit_crs(ENTRIES[0].layer, metadata) is None


def test_what_a_file_says(tmp_path: Path) -> None:
    metadata = said(
        tmp_path,
        '[wms]\noperations = ["GetMap"]\nformats = ["jpeg"]\ncrs = ["EPSG:900913"]\nmax_width = 10\nmax_layers = 3\n'
        'background = [1, 2, 3]\nexception_status = "error"\nplain_images = true\nroot_name = "all"\n'
        '[wms.metadata]\nattribution_title = "A"',
    )
    assert options.operations(metadata) == ("GetCapabilities", "GetMap")
    assert options.info_formats(metadata) == ()
    assert options.formats(metadata, FORMATS) == {"image/jpeg": "jpeg"}
    assert options.explicit_crs(ENTRIES[0].layer, metadata) == ("EPSG:3857",)
    assert (options.max_size(metadata), options.max_layers(metadata)) == ((10, 8192), 3)
    assert options.background(metadata) == (1, 2, 3)
    assert options.answers_errors_with_their_status(metadata)
    assert options.lists_plain_images(metadata)
    assert options.root_layer(metadata) == ("all", metadata.title, metadata.abstract, metadata.keywords)
    assert metadata.options["wms.metadata"] == {"attribution_title": "A"}
    assert options.operations(said(tmp_path, "[wms]\nenabled = false")) == ()


@pytest.mark.parametrize(
    "text",
    ["operations = [1]", "background = [1, 2]", "background = [1, 2, 256]", "max_width = 0", "metadata = 1"],
)
def test_mistakes(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"s\.toml, line 2: wms\."):
        said(tmp_path, f"[wms]\n{text}")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("utm", ("EPSG:32633", "EPSG:4326", "EPSG:3857")),
        ("degrees", ("EPSG:4326", "EPSG:3857")),
        ("mars", ()),
        ("plain", ("image",)),
    ],
)
def test_systems_of_layers(name: str, expected: tuple[str, ...]) -> None:
    entry = BY_NAME[name]
    assert options.crs_of(entry, DEFAULTS) == expected
    limited = replace(entry, layer=replace(entry.layer, crs=("EPSG:3035",)))
    assert options.accepts("EPSG:3035", limited, DEFAULTS) == (name != "plain")
    assert not options.accepts("EPSG:3857", limited, DEFAULTS)
    assert options.accepts(entry.geo.georeference.crs, limited, DEFAULTS)


def test_layers_without_a_named_system_are_plain_pictures() -> None:
    assert options.crs_of(options.offered(BY_NAME["mars"], DEFAULTS), DEFAULTS) == ("image",)


def test_operations_of_a_layer() -> None:
    layer = replace(BY_NAME["utm"].layer, metadata=MappingProxyType({"enable_request": "GetMap"}))
    assert options.layer_operations(layer, DEFAULTS) == ("GetMap",)
    silent = replace(BY_NAME["utm"].layer, metadata=MappingProxyType({"queryable": "false"}))
    assert "GetFeatureInfo" not in options.layer_operations(silent, DEFAULTS)


def grouped(identifier: str, **metadata: str) -> LayerEntry:
    entry = BY_NAME["utm"]
    return replace(
        entry, layer=replace(entry.layer, identifier=identifier, metadata=MappingProxyType(metadata))
    )


GROUPED = [
    grouped("a/x"),
    grouped("b", group="g", group_title="G"),
    grouped("a/b/y"),
    grouped("c,d", layer_group="/one/two"),
    grouped("e", layer_group="/one"),
    BY_NAME["plain"],
]


def shape(group: tree.Group) -> list[Any]:
    """Names and titles of groups, and identifiers."""
    return [
        (child.step.name, child.step.title, shape(child))
        if isinstance(child, tree.Group)
        else child.layer.identifier
        for child in group.children
    ]


def test_groups() -> None:
    assert shape(tree.tree(GROUPED, DEFAULTS)) == [
        ("a", "a", ["a/x", ("a/b", "b", ["a/b/y"])]),
        ("g", "G", ["b"]),
        ("one", "one", [("two", "two", ["c,d"]), "e"]),
        "plain",
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a", ["a/x", "a/b/y"]),
        ("a/b", ["a/b/y"]),
        ("g", ["b"]),
        ("one", ["c,d", "e"]),
        ("c%2Cd", ["c,d"]),
        ("plain", ["plain"]),
        ("all", ["a/x", "b", "a/b/y", "c,d", "e"]),
        ("", []),
        ("nothing", []),
    ],
)
def test_members_of_groups(name: str, expected: list[str]) -> None:
    catalog = FakeCatalog([entry.layer for entry in GROUPED], entries=GROUPED)
    catalog.metadata = ServiceMetadata(options=MappingProxyType({"wms.root_name": "all"}))
    server = Server(Config(), FORMATS, catalog=lambda: catalog, listed=lambda: catalog)
    assert [layer.identifier for layer in tree.members(name, server)] == expected


def test_names_have_no_commas() -> None:
    assert tree.name_of(GROUPED[3].layer) == "c%2Cd"
    assert tree.name_of(BY_NAME[STRANGE].layer) == STRANGE
