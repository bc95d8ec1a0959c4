"""The service file in TOML: what it says is taken over, and each mistake names line, key and what would do."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.geo.grid import Bounds
from iipserve.geo.layer import DEFAULT_STYLE, Contact
from iipserve.geo.matrixset_files import FOLDER, STANDARD_NAMES
from iipserve.geo.service import Services, load
from iipserve.geo.service.keys import OPERATION_KEYS, SECTIONS, default_options
from iipserve.geo.service.toml_lines import lines
from iipserve.image import ImageName, Selector
from iipserve.processing.color import Bitonal, Grayscale, Twist
from iipserve.processing.colormap import Colormap
from iipserve.processing.filters import Convolve, Hillshade
from iipserve.processing.histogram import Equalize
from iipserve.processing.tone import Contrast, Gamma, Invert, Logarithm, SampleRange, Stretch
from iipserve.protocols.iip.modifiers import read as read_modifiers
from tests.documentation.markdown import blocks
from tests.end_to_end.running import ROOT

Loader = Callable[[str], Services]


@pytest.fixture
def loaded(tmp_path: Path) -> Loader:
    def load_text(text: str) -> Services:
        (tmp_path / "s.toml").write_text(text)
        return load(Config(services=str(tmp_path / "s.toml"), filesystem_prefix=f"{tmp_path}/"))

    return load_text


def test_the_example_of_the_document_is_understood(loaded: Loader) -> None:
    (example,) = (block.text for block in blocks(ROOT / "docs" / "services.md") if block.language == "toml")
    services = loaded(example)
    (layer,) = services.layers or ()
    assert layer.identifier == "relief"
    assert [style.name for style in layer.styles] == ["shaded", "default"]
    assert services.metadata.title == "Maps of the survey"
    assert services.metadata.options["wmts.formats"] == ("png", "jpeg")


def _mistakes(loaded: Loader, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(text)
    return str(caught.value).splitlines()


def test_without_a_file_everything_has_its_default() -> None:
    services = load(Config())
    assert not services.has_layers
    assert dict(services.metadata.options) == default_options()
    assert services.metadata.options["wmts.matrix_sets"] == STANDARD_NAMES


WHOLE = """
[service]
title = "Maps & more"
abstract = \"""Two
lines\"""
keywords = ["a", "b"]
fees = "none"
access_constraints = "CC0"
languages = ["de"]
provider = "Survey"
provider_site = "https://example.org/"
public_address = "https://maps.example.org/img/"

[service.contact]
person = "A. Example"
email = "a@example.org"

[wmts]
formats = ["png"]
tile_outside = "empty"
overzoom = 2

[[style]]
name = "shaded"
title = "Shaded"
range = [[0, 10], [5, 7.5]]
gamma = 0.5

[[layer]]
identifier = "影像 2024:a/b&c"
image = "maps/scene.tif"
page = 3
title = "Scene"
abstract = "About"
keywords = ["k"]
styles = ["shaded", "default"]
crs = ["EPSG:3857", "urn:ogc:def:crs:EPSG::4326"]
extent = [0, 1, 2.5, 3]
nodata = [0, 255]
public = false
queryable = false
metadata = { group = "g", "Rangeset_Name" = "r" }

[[layer]]
identifier = "plain"
nodata = nan
"""


def test_everything_that_a_file_says_is_taken_over(loaded: Loader) -> None:
    services = loaded(WHOLE)
    metadata = services.metadata
    assert metadata.title == "Maps & more"
    assert metadata.abstract == "Two\nlines"
    assert (metadata.keywords, metadata.languages) == (("a", "b"), ("de",))
    assert (metadata.fees, metadata.access_constraints, metadata.provider) == ("none", "CC0", "Survey")
    assert metadata.contact == Contact(person="A. Example", email="a@example.org")
    changed = {key: value for key, value in metadata.options.items() if value != default_options()[key]}
    assert changed == {
        "service.public_address": "https://maps.example.org/img", "wmts.formats": ("png",),
        "wmts.tile_outside": "empty", "wmts.overzoom": 2,
    }  # fmt: skip
    scene, plain = services.layers
    assert (scene.identifier, scene.name) == ("影像 2024:a/b&c", ImageName("maps/scene.tif", Selector(3)))
    assert (scene.title, scene.abstract, scene.keywords) == ("Scene", "About", ("k",))
    assert [style.name for style in scene.styles] == ["shaded", "default"]
    assert scene.styles[1] is DEFAULT_STYLE
    assert scene.styles[0].operations == (SampleRange(((0, 0.0, 10.0), (1, 5.0, 7.5))), Gamma(0.5))
    assert scene.crs == ("EPSG:3857", "EPSG:4326")
    assert (scene.extent, scene.nodata, scene.is_public) == (Bounds(0, 1, 2.5, 3), (0.0, 255.0), False)
    assert dict(scene.metadata) == {"group": "g", "rangeset_name": "r", "queryable": "false"}
    assert (scene.is_queryable, plain.is_queryable) == (False, True)
    assert (plain.name, plain.title, plain.crs, plain.is_public) == (ImageName("plain"), "", (), True)
    assert plain.styles == (DEFAULT_STYLE,)
    assert plain.nodata is not None
    assert plain.nodata[0] != plain.nodata[0]


@pytest.mark.parametrize(
    ("text", "operation"),
    [
        ("range = [0, 4000]", SampleRange(((None, 0.0, 4000.0),))), ("stretch = true", Stretch()),
        ("hillshade = [315, 45]", Hillshade(315, 45)), ("gamma = 0", Gamma(0.0)),
        ("bands = [4, 3, 2]", Twist(((0, 0, 0, 1), (0, 0, 1), (0, 1)))), ("bands = [2]", Twist(((0, 1),))),
        ("twist = [[0.5, 0.5]]", Twist(((0.5, 0.5),))), ("logarithm = true", Logarithm()), ("invert = true", Invert()),
        ('colormap = "Viridis"', Colormap("viridis")), ("contrast = 1.5", Contrast(1.5)),
        ('convolve = "sharpen"', Convolve(((0, -1, 0), (-1, 5, -1), (0, -1, 0)))), ("grayscale = true", Grayscale()),
        ("binary = true", Bitonal()), ("equalize = true", Equalize()),
    ],
)  # fmt: skip
def test_each_operation_of_a_style(loaded: Loader, text: str, operation: object) -> None:
    styled = loaded(f'[[style]]\nname = "s"\n{text}\n[[layer]]\nidentifier = "a"\nstyles = ["s"]')
    assert styled.layers[0].styles[0].operations == (operation,)
    alone = loaded(f'[[layer]]\nidentifier = "a"\n{text}')
    assert (alone.layers[0].styles[0].name, alone.layers[0].styles[0].operations) == ("default", (operation,))


def test_operations_are_those_that_iip_reads(loaded: Loader) -> None:
    text = "range=[[1,2],[3,4]]\ngamma=0.5\ninvert=true\ncontrast=2\nconvolve='emboss'\ntwist=[[0,1],[1,0]]"
    style = loaded(f'[[layer]]\nidentifier = "a"\n{text}').layers[0].styles[0]
    asked = "MINMAX=0:1,2&MINMAX=1:3,4&GAM=0.5&INV&CNT=2&CNV=emboss&CTW=[0,1;1,0]"
    assert style.operations == read_modifiers(asked).operations


def test_switches_that_are_off_change_nothing(loaded: Loader) -> None:
    layer = loaded('[[layer]]\nidentifier = "a"\ninvert = false\nstretch = false\nrange = [0, 1]').layers[0]
    assert layer.styles[0].operations == (SampleRange(((None, 0.0, 1.0),)),)


def test_every_example_of_the_table_is_accepted(loaded: Loader, tmp_path: Path) -> None:
    (tmp_path / "sets").mkdir()
    found = json.loads((FOLDER / "WebMercatorQuad.json").read_text()) | {"id": "Mine"}
    (tmp_path / "sets" / "lv95.json").write_text(json.dumps(found))
    for name, section in SECTIONS.items():
        for key, known in section.keys.items():
            if not known.example or (name == "layer" and key in (*OPERATION_KEYS, "tile_index")):
                continue
            needed = {"style": 'name = "gray"', "layer": 'identifier = "a"', "format": 'name = "a"'}.get(
                name, ""
            )
            needed = "" if needed.startswith(f"{key} ") else needed
            header = f"[[{name}]]" if section.repeated else f"[{name}]"
            styles = '[[style]]\nname = "gray"\n[[style]]\nname = "shaded"\n' if name == "layer" else ""
            loaded(f"{styles}{header}\n{needed}\n{key} = {known.example}")


MISTAKES = [
    ('[service]\ntitel = "x"', 2, "titel is not a key of [service]; title is"),
    ('[service]\nqqq = "x"', 2, "qqq is not a key of [service]; known are title, abstract"),
    ("[servise]\n", 1, "[servise] is not known; service is"),
    ("x = 1", 1, "[x] is not known"),
    ("[service]\n\ntitle = 3", 3, "service.title is 3; it must be a text"),
    ('[service]\ntitle = "a\\u0007"', 2, "it must be a text"),
    ('[service]\nprovider_site = "ftp://x"', 2, "begins with http"),
    ('[service.contact]\nperson = ["a"]', 2, "service.contact.person is ['a']; it must be a text"),
    ("service = 3", 1, "a table [service] is needed"),
    ('[wmts]\ntile_outside = "emtpy"', 2, '"error" or "empty"'),
    ("[wmts]\noverzoom = 1.5", 2, "a whole number from 0 to 8"),
    ("[wmts]\noverzoom = true", 2, "a whole number from 0 to 8"),
    ("[wmts]\nenabled = 1", 2, "true or false"),
    ('[wmts]\nmatrix_sets = [\n "WebMercator"\n]', 2, "WebMercatorQuad"),
    ('[wmts]\nmatrix_set_files = ["none.json"]', 2, "none.json cannot be read"),
    ('[[layer]]\ntitle = "x"', 1, "[[layer]] has no identifier"),
    ("layer = 1", 1, "tables are needed, each under [[layer]]"),
    ('[[layer]]\nidentifier = ""', 2, "1 to 256 printable characters"),
    ('[[layer]]\nidentifier = "/"', 2, "before and after each slash"),
    ('[[layer]]\nidentifier = "a//b"', 2, "before and after each slash"),
    ('[[layer]]\nidentifier = "a"\n[[layer]]\nidentifier = "a"', 3, "layer.identifier is 'a', as of another one"),
    ('[[layer]]\nidentifier = "a"\nimage = "../a"', 3, "below FILESYSTEM_PREFIX"),
    ('[[layer]]\nidentifier = "a"\nimage = "/etc/passwd"', 3, "below FILESYSTEM_PREFIX"),
    ('[[layer]]\nidentifier = "a"\nstyles = ["s"]', 1, "layer.styles names 's'; known are default"),
    ('[[layer]]\nidentifier = "a"\ncrs = ["EPSG:0"]', 3, "EPSG:0"),
    ('[[layer]]\nidentifier = "a"\nextent = [0, 0, 0, 1]', 3, "minimum x"),
    ('[[layer]]\nidentifier = "a"\nextent = [0, 0, nan, 1]', 3, "minimum x"),
    ('[[layer]]\nidentifier = "a"\nnodata = "x"', 3, "a number, or a list"),
    ('[[layer]]\nidentifier = "a"\nmetadata = 3', 3, "a table of texts"),
    ('[[layer]]\nidentifier = "a"\nmetadata = { b = 3 }', 3, "layer.metadata.b is 3"),
    ('[[layer]]\nidentifier = "a"\n[layer.metadata]\nb = 3', 4, "layer.metadata.b is 3"),
    ('[[style]]\nname = "a"\nrange = [1, 1]', 3, "two numbers for all bands"),
    ('[[style]]\nname = "a"\nrange = [1, 2]\nstretch = true', 1, "range and stretch exclude each other"),
    ('[[style]]\nname = "a"\ncolormap = "virids"', 1, "colormap is 'virids'; known are hot"),
    ('[[style]]\nname = "a"\nbands = [0]', 3, "numbers of bands from 1"),
    ('[[style]]\nname = "a"\nconvolve = [[1, 2], [3, 4]]', 3, "1, 3 or 5 rows"),
    ('[[style]]\nname = "a"\ngamma = inf', 3, "a number from 0"),
    ('[[style]]\nname = "a"\n[[layer]]\nidentifier = "b"\nstyles = ["a"]\ngamma = 2', 3, "styles and gamma exclude"),
    ("[service]\ntitle = ", 2, "it is not TOML"),
    ('[service]\ntitle = """', 2, "it is not TOML"),
    ('title = "a"\ntitle = "b"', 2, "it is not TOML"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "message"), MISTAKES)
def test_a_mistake_names_its_line_and_what_would_do(
    loaded: Loader, text: str, line: int, message: str
) -> None:
    (mistake,) = _mistakes(loaded, text)
    assert mistake.startswith(f"s.toml, line {line}: ")
    assert message in mistake


def test_all_mistakes_are_reported_in_the_order_of_the_file(loaded: Loader) -> None:
    text = '[wmts]\nformats = 1\n[service]\nfees = 2\n[[layer]]\nidentifier = 3\n[[layer]]\nidentifier = "a"\npage = -1'
    assert [line.partition(":")[0] for line in _mistakes(loaded, text)] == [
        "s.toml, line 2", "s.toml, line 4", "s.toml, line 6", "s.toml, line 9",
    ]  # fmt: skip


def test_further_matrix_sets_are_read(loaded: Loader, tmp_path: Path) -> None:
    found = json.loads((FOLDER / "WebMercatorQuad.json").read_text()) | {"id": "Mine"}
    (tmp_path / "mine.json").write_text(json.dumps(found))
    services = loaded('[wmts]\nmatrix_set_files = ["mine.json"]')
    assert [one.identifier for one in services.metadata.options["wmts.further_matrix_sets"]] == ["Mine"]
    (tmp_path / "mine.json").write_text("{")
    assert "mine.json is no JSON" in _mistakes(loaded, '[wmts]\nmatrix_set_files = ["mine.json"]')[0]


@pytest.mark.parametrize("name", ["none.toml", "", "\0", "x" * 300])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"SERVICES is .* cannot be read"):
        load(Config(services=f"{tmp_path}/{name}"))


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_bytes(b'[service]\ntitle = "\xe9"')
    with pytest.raises(ConfigError, match="line 2: it is not in UTF-8"):
        load(Config(services=f"{tmp_path}/s.toml"))


def test_lines_of_tables_and_keys() -> None:
    text = (
        'a = 1\n"b c".d = """x\n[no]\n"""\n\n[t]\ne = [\n  1, # ]\n  "]",\n]\n# f = 1\n[[u]]\ng = \'\'\'\n\'\'\'\n'
        "[[u]]\nh = {i = 1}\n[[u.v]]\nw = 1\n[u.'x.y']\nz = 1\n"
    )
    tomllib.loads(text)
    assert lines(text) == {
        ("a",): 1, ("b c", "d"): 2, ("t",): 6, ("t", "e"): 7, ("u", 0): 12, ("u", 0, "g"): 13, ("u", 1): 15,
        ("u", 1, "h"): 16, ("u", 1, "v", 0): 17, ("u", 1, "v", 0, "w"): 18, ("u", 1, "x.y"): 19, ("u", 1, "x.y", "z"): 20,
    }  # fmt: skip
