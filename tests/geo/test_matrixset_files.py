"""Tile matrix sets in JSON: those of the package against morecantile's, and mistakes in files."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import morecantile
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iipserve.errors import ConfigError
from iipserve.geo.matrixset_files import FOLDER, parsed_set, read_set, standard_sets

PUBLISHED = ("WebMercatorQuad", "WorldCRS84Quad", "WGS1984Quad", "CanadianNAD83_LCC")


def _document(name: str = "WebMercatorQuad") -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


@pytest.mark.parametrize("name", PUBLISHED)
def test_sets_are_those_of_morecantile(name: str) -> None:
    ours, theirs = standard_sets()[name], morecantile.tms.get(name)
    assert ours.crs == f"EPSG:{theirs.crs.to_epsg() or 4326}"
    pairs = zip(ours.matrices, theirs.tileMatrices, strict=False)
    for matrix, other in pairs:
        assert matrix.identifier == other.id
        assert matrix.cell_size == pytest.approx(other.cellSize, rel=1e-12)
        assert (matrix.columns, matrix.rows) == (other.matrixWidth, other.matrixHeight)
        assert matrix.tile == (other.tileWidth, other.tileHeight)
        assert ours.in_axis_order(*matrix.top_left) == pytest.approx(other.pointOfOrigin, rel=1e-12)
        if name != "CanadianNAD83_LCC":  # their scale denominators of this set are of another pixel
            assert matrix.scale_denominator == pytest.approx(other.scaleDenominator, rel=1e-11)
    assert len(ours.matrices) >= len(theirs.tileMatrices) - 1


@pytest.mark.parametrize("name", standard_sets())
def test_tiles_are_those_of_morecantile(name: str) -> None:
    ours = standard_sets()[name]
    theirs = morecantile.TileMatrixSet(**_document(name))
    matrix = ours.matrices[5]
    for column, row in ((0, 0), (3, 1), (matrix.columns - 1, matrix.rows - 1)):
        expected = theirs.xy_bounds(morecantile.Tile(column, row, 5))
        assert ours.grid(matrix, column, row).bounds == pytest.approx(tuple(expected), abs=1e-6)


def test_known_numbers() -> None:
    """Of 07-057r7, annex E, and MapML's APSTILE."""
    sets = standard_sets()
    assert sets["WebMercatorQuad"].matrices[10].scale_denominator == 545978.7734655447
    assert sets["WGS1984Quad"].matrices[18].scale_denominator == pytest.approx(1066.364791924892, rel=1e-15)
    assert sets["WGS1984Quad"].in_axis_order(-180.0, 90.0) == (90.0, -180.0)
    assert sets["WebMercatorQuad"].well_known_urn == "urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible"
    assert sets["WorldCRS84Quad"].well_known_urn is None, "it does not begin with the set's largest scale"
    assert sets["APSTILE"].matrices[3].cell_size == 238810.813354 / 8
    assert sets["CanadianNAD83_LCC"].matrices[4].cell_size == 4630.2175937685215


CHANGES: list[tuple[str, Any, str]] = [
    ("id", None, "id is missing"),
    ("id", "a/b", "without /, ?, #, &"),
    ("crs", None, "crs is missing"),
    ("crs", 3857, "is to be a URI"),
    ("crs", {"wkt": {}}, "is to be a URI"),
    ("crs", "EPSG:1", "does not know"),
    ("crs", "Mercator", "names no coordinate reference system"),
    ("title", 7, "a text of printable characters is needed"),
    ("title", "a\ud800", "a text of printable characters is needed"),
    ("title", "a\n", "a text of printable characters is needed"),
    ("id", "a\ud800", "without /, ?, #, &"),
    ("orderedAxes", [1, 2], "a list of texts is needed"),
    ("orderedAxes", "E", "a list is needed"),
    ("tileMatrices", [], "has 0 entries"),
    ("tileMatrices", {}, "a list is needed"),
    ("tileMatrices", [7], "tileMatrices[0]: an object of JSON is needed"),
]
MATRIX_CHANGES: list[tuple[str, Any, str]] = [
    ("cornerOfOrigin", "bottomLeft", "is to be topLeft"),
    ("variableMatrixWidths", [{"coalesce": 2}], "are not offered"),
    ("scaleDenominator", 1e6, "a cellSize of"),
    ("cellSize", 0, "a number above 0"),
    ("cellSize", -1.0, "a number above 0"),
    ("cellSize", "1", "a number above 0"),
    ("cellSize", float("nan"), "a number above 0"),
    ("cellSize", 10**400, "a number above 0"),
    ("cellSize", True, "a number above 0"),
    ("pointOfOrigin", [1], "two numbers"),
    ("pointOfOrigin", [1, float("inf")], "two numbers"),
    ("tileWidth", 0, "an integer from 1 to 4096"),
    ("tileWidth", 256.0, "an integer from 1 to 4096"),
    ("tileHeight", 100000, "an integer from 1 to 4096"),
    ("matrixWidth", 1 << 40, "an integer from 1 to"),
    ("matrixHeight", None, "matrixHeight is missing"),
    ("id", "1", "two tileMatrices have the id '1'"),
    ("id", 0, "id is 0"),
]


def _changed(members: dict[str, Any], name: str, value: Any) -> None:
    members.pop(name, None)
    if value is not None:
        members[name] = value


@pytest.mark.parametrize(("name", "value", "message"), CHANGES)
def test_mistakes_are_named(name: str, value: Any, message: str) -> None:
    document = _document()
    _changed(document, name, value)
    with pytest.raises(ConfigError) as caught:
        parsed_set(document, "a.json")
    assert str(caught.value).startswith("a.json: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(("name", "value", "message"), MATRIX_CHANGES)
def test_mistakes_in_matrices_are_named(name: str, value: Any, message: str) -> None:
    document = _document()
    _changed(document["tileMatrices"][0], name, value)
    with pytest.raises(ConfigError) as caught:
        parsed_set(document, "a.json")
    assert "a.json: tileMatrices" in str(caught.value) or "two tileMatrices" in str(caught.value)
    assert message in str(caught.value)


def test_matrices_are_written_from_coarse_to_fine() -> None:
    document = _document()
    document["tileMatrices"].reverse()
    with pytest.raises(ConfigError, match="are not in order; write the coarsest first"):
        parsed_set(document, "a.json")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    with pytest.raises(ConfigError, match=r"^set\.json: .*cannot be read: No such file"):
        read_set(path)
    for text in (b"{", b"\xff", b"[" * 100_000):
        path.write_bytes(text)
        with pytest.raises(ConfigError, match=r"^set\.json: .*is not JSON in UTF-8"):
            read_set(path)
    path.write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(ConfigError, match="at most 1048576 bytes"):
        read_set(path)
    path.write_text("[]")
    with pytest.raises(ConfigError, match="an object of JSON"):
        read_set(path)


@pytest.mark.parametrize(
    "name", ["NZTM2000Quad", "UPSArcticWGS84Quad", "EuropeanETRS89_LAEAQuad", "UTM31WGS84Quad"]
)
def test_published_files_are_read(name: str) -> None:
    folder = Path(morecantile.__file__).with_name("data")
    found, theirs = read_set(folder / f"{name}.json"), morecantile.tms.get(name)
    matrix = found.matrix("2")
    assert matrix is not None
    expected = theirs.xy_bounds(morecantile.Tile(1, 1, 2))
    assert found.grid(matrix, 1, 1).bounds == pytest.approx(tuple(expected), abs=1e-4)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(
    name=st.sampled_from(sorted(_document()) + sorted(_document()["tileMatrices"][0])),
    index=st.integers(0, 24),
    value=VALUES,
)
def test_any_value_is_read_or_refused(name: str, index: int, value: Any) -> None:
    """What is read can be written as text, and its numbers are finite."""
    document = _document()
    part = document if name in document and name != "id" else document["tileMatrices"][index]
    part[name] = value
    try:
        found = parsed_set(document, "a.json")
    except ConfigError:
        return
    for matrix in found.matrices:
        assert all(math.isfinite(number) for number in (*matrix.affine, matrix.scale_denominator))
        assert matrix.identifier.encode()
    assert "".join((found.identifier, found.title, found.uri, *found.ordered_axes)).encode() is not None
