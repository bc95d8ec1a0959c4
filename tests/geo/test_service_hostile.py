"""Service files of any content: a `ConfigError` or a result, soon, and nothing outside the folder of images."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.geo.service import Services, load, map_form, toml_form
from iipserve.geo.service.keys import SECTIONS
from tests.geo.test_service import WHOLE
from tests.geo.test_service_map import EXAMPLE

KEYS = sorted({key for section in SECTIONS.values() for key in section.keys})
VALUES = st.sampled_from(
    ["1", "-1", "1e400", "nan", "true", '"x"', '"\\u0000"', "[]", "[1, 2]", "[[1], 2]", "{}", "{a = 1}", "1979-05-27",
     '["a", 1]', "0x" + "f" * 300, '"../../etc/passwd"', '"EPSG:3857"', '["EPSG:4326"]', "''''''", '"' + "x" * 20_000 + '"']
)  # fmt: skip
NAMES = st.sampled_from([*SECTIONS, "x", '"a.b"', "service.contact.x", "layer.metadata"])
STATEMENTS = st.one_of(
    st.tuples(st.sampled_from([*KEYS, "x", "a.b"]), VALUES).map(" = ".join),
    NAMES.map("[{}]".format),
    NAMES.map("[[{}]]".format),
    st.text(max_size=20),
)
WORDS = st.sampled_from(
    ["MAP", "END", "LAYER", "NAME", "TYPE", "RASTER", "DATA", "METADATA", "WEB", "CLASS", "STYLE", "PROJECTION", "PROCESSING",
     "OFFSITE", "EXTENT", "OUTPUTFORMAT", "CONFIG", "INCLUDE", "VALIDATION", "COMPOSITE", "1", "-1e400", "nan", '"a"', "'b'",
     '"wms_title"', '"ows_enable_request"', '"wms_extent"', '"../../etc/passwd"', '"SCALE=1,x"', '"BANDS=9,9"', "%x%",
     "[x]", "(1)", "/*", "#", "\n", "`x`", "\u2028"]
)  # fmt: skip


def _load(folder: Path, name: str, data: bytes) -> Services | None:
    path = folder / name
    path.write_bytes(data)
    try:
        services = load(Config(services=str(path), filesystem_prefix=f"{folder}/images/"))
    except ConfigError:
        return None
    for layer in services.layers:
        parts = layer.name.identifier.split("/")
        assert not layer.name.identifier.startswith("/")
        assert not {"", ".", ".."} & set(parts)
    return services


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("services")


@given(st.lists(STATEMENTS, max_size=20))
@settings(deadline=None)
def test_statements_of_toml_in_any_order(place: Path, statements: list[str]) -> None:
    _load(place, "s.toml", "\n".join(statements).encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes(place: Path, data: bytes) -> None:
    _load(place, "s.toml", data)
    _load(place, "s.map", b"MAP " + data)


@given(st.lists(WORDS, max_size=30))
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_words_of_map_files_in_any_order(place: Path, words: list[str]) -> None:
    text = " ".join(words)
    _load(place, "s.map", text.encode())
    _load(place, "s.map", f"MAP LAYER NAME a TYPE RASTER DATA b {text} END END".encode())


@given(st.sampled_from(["s.toml", "s.map"]), st.integers(0, 5000), st.integers(0, 60), st.binary(max_size=3))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_good_files_with_a_part_replaced(
    place: Path, name: str, start: int, length: int, data: bytes
) -> None:
    text = (WHOLE if name == "s.toml" else EXAMPLE).encode()
    start %= len(text)
    _load(place, name, text[:start] + data + text[start + length :])


DEEP = 3000
LARGE = {
    "arrays.toml": "x = " + "[" * DEEP + "]" * DEEP,
    "tables.toml": "x = " + "{a = " * DEEP,
    "dots.toml": "a." * 100_000 + "b = 1",
    "quoted dots.toml": '"a".' * 100_000 + "b = 1",
    "dots in a header.toml": "[" + "a." * 100_000 + "b]",
    "dots in a table.toml": "x = {" + "a." * 100_000 + "b = 1}",
    "digits.toml": "x = " + "9" * 100_000,
    "layers.toml": "".join(f'[[layer]]\nidentifier = "{index}"\n' for index in range(20_000)),
    "mistakes.toml": "".join(f"[[layer]]\nq{index} = 1\n" for index in range(2000)),
    "quotes.toml": '"' * 100_001,
    "too long.toml": "#" * (toml_form.MAX_LENGTH + 1),
    "layers.map": "MAP " + "LAYER CLASS STYLE " * 300 + "END " * 901,
    "brackets.map": "MAP LAYER CLASS EXPRESSION (" + "(" * DEEP + "1" + ")" * DEEP + ") END END END",
    "quotes.map": "MAP NAME '" + "\\'" * 50_000,
    "comments.map": "/*" * 50_000,
    "too long.map": "#" * (map_form.MAX_LENGTH + 1),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_and_deep_files(place: Path, name: str) -> None:
    services = _load(place, name, LARGE[name].encode())
    assert (services is not None) is (name == "layers.toml")


def test_numbers_with_many_dots_in_an_array_are_no_long_key(place: Path) -> None:
    numbers = ", ".join(["1.5"] * 100)
    services = _load(place, "numbers.toml", f'[[layer]]\nidentifier = "a"\nnodata = [{numbers}]'.encode())
    assert services is not None
    assert services.layers[0].nodata == (1.5,) * 100
