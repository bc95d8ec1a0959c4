"""Tile matrix sets in the JSON encoding of OGC (17-083r4, section 7.1, and its schema `tileMatrixSet.json`)."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from iipserve.errors import ConfigError
from iipserve.geo import crs
from iipserve.geo.crs import AxisRule
from iipserve.geo.grid import Affine
from iipserve.geo.matrixset import TileMatrix, TileMatrixSet, metres_per_unit, scale_denominator
from iipserve.geometry import Size

FOLDER = Path(__file__).with_name("matrixsets")
STANDARD_NAMES = ("WebMercatorQuad", "WorldCRS84Quad", "WGS1984Quad")
"""Sets that are offered unless the service file says which."""
FURTHER_NAMES = ("CanadianNAD83_LCC", "APSTILE")
"""Sets of MapML's projections CBMTILE and APSTILE."""
ALIASES: Mapping[str, tuple[str, ...]] = {
    "WebMercatorQuad": (
        "GoogleMapsCompatible", "EPSG:3857", "EPSG:900913", "OSMTILE", "GLOBAL_WEBMERCATOR",
        "urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible",
    ),
    "WorldCRS84Quad": ("CRS:84", "WGS84", "InspireCRS84Quad", "GLOBAL_GEODETIC"),
    "WGS1984Quad": ("EPSG:4326",),
    "CanadianNAD83_LCC": ("CBMTILE", "EPSG:3978"),
    "APSTILE": ("EPSG:5936",),
}  # fmt: skip
"""Identifiers that other servers and MapML give to sets of the same grid."""

MAX_LENGTH = 1 << 20
"""Of a file, in bytes."""
MAX_MATRICES = 64
MAX_TILE = 4096
"""Pixels in a side of a tile."""
MAX_COUNT = 1 << 31
"""Tiles in a side of a matrix."""
SCALE_TOLERANCE = 1e-4
"""Relative difference between a scale denominator and that of the cell size."""
SEPARATORS = r"/?#&\x00-\x1f\x7f\ud800-\udfff"
"""Characters that identifiers do not have: those that end a part of an address, and some that no text has."""
IDENTIFIER = re.compile(rf"[^\s{SEPARATORS}](?:[^{SEPARATORS}]{{0,62}}[^\s{SEPARATORS}])?")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@cache
def standard_sets() -> Mapping[str, TileMatrixSet]:
    """The sets that come with this package, by identifier, in the order of documents.

    Raises:
        NotInstalled: the extra `geo` is not.
    """
    return {name: read_set(FOLDER / f"{name}.json") for name in STANDARD_NAMES + FURTHER_NAMES}


def read_set(path: Path) -> TileMatrixSet:
    """Read a file.

    Raises:
        ConfigError: it cannot be read, is not of this form, or describes a set that cannot be offered.
        NotInstalled: the extra `geo` is not.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_LENGTH + 1)
        if len(text) > MAX_LENGTH:
            raise ConfigError(f"{path.name}: a tile matrix set has at most {MAX_LENGTH} bytes")
        return parsed_set(json.loads(text), path.name)
    except OSError as error:
        raise ConfigError(f"{path.name}: the tile matrix set cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path.name}: the tile matrix set is not JSON in UTF-8: {error}") from error


def parsed_set(value: Any, source: str) -> TileMatrixSet:
    """The set that an object of JSON describes.

    Args:
        value: as parsed.
        source: name of the file, for messages.

    Raises:
        ConfigError: as of `read_set`.
    """
    fields = _Fields(value, source)
    name = _crs_name(fields)
    swaps = crs.axis_order(name, AxisRule.OGC_API)
    unit = metres_per_unit(name.key)
    items = fields.list("tileMatrices")
    if not 1 <= len(items) <= MAX_MATRICES:
        raise ConfigError(f"{source}: tileMatrices has {len(items)} entries; 1 to {MAX_MATRICES} are allowed")
    matrices = [
        _matrix(_Fields(item, f"{source}: tileMatrices[{index}]"), unit, swaps=swaps)
        for index, item in enumerate(items)
    ]
    _check_order(matrices, source)
    identifier = fields.identifier("id")
    x_first = name.form is crs.Form.X_FIRST
    return TileMatrixSet(
        identifier,
        fields.text("title", identifier),
        name.key,
        crs.CRS84_URN if x_first else crs.urn(name.key) or "",
        crs.CRS84_URI if x_first else crs.uri(name.key) or "",
        swaps,
        tuple(matrices),
        fields.text("uri"),
        fields.text("wellKnownScaleSet"),
        fields.texts("orderedAxes"),
        ALIASES.get(identifier, ()),
    )


def _crs_name(fields: _Fields) -> crs.CrsName:
    value = fields.value("crs")
    if isinstance(value, dict):
        value = value.get("uri")
    if not isinstance(value, str):
        raise ConfigError(
            f"{fields.source}: crs is to be a URI such as http://www.opengis.net/def/crs/EPSG/0/3857, "
            'alone or as {{"uri": ...}}'
        )
    try:
        name = crs.parse(value.removeprefix("[").removesuffix("]"))
    except crs.UnknownCrs as error:
        raise ConfigError(f"{fields.source}: crs: {error}") from error
    return name


def _matrix(fields: _Fields, unit: float, *, swaps: bool) -> TileMatrix:
    if fields.text("cornerOfOrigin", "topLeft") != "topLeft":
        raise ConfigError(f"{fields.source}: cornerOfOrigin is to be topLeft; rows run down from there")
    if fields.list("variableMatrixWidths", []):
        raise ConfigError(f"{fields.source}: variableMatrixWidths are not offered; remove them")
    cell, scale = fields.positive("cellSize"), fields.positive("scaleDenominator")
    expected = scale_denominator(cell, unit)
    if not math.isclose(scale, expected, rel_tol=SCALE_TOLERANCE):
        raise ConfigError(
            f"{fields.source}: scaleDenominator is {scale}; a cellSize of {cell} has {expected}, "
            "by pixels of 0.28 mm"
        )
    x, y = reversed(fields.pair("pointOfOrigin")) if swaps else fields.pair("pointOfOrigin")
    return TileMatrix(
        fields.identifier("id"),
        scale,
        Affine(cell, 0.0, x, 0.0, -cell, y),
        Size(fields.integer("tileWidth", MAX_TILE), fields.integer("tileHeight", MAX_TILE)),
        fields.integer("matrixWidth", MAX_COUNT),
        fields.integer("matrixHeight", MAX_COUNT),
    )


def _check_order(matrices: list[TileMatrix], source: str) -> None:
    identifiers = [matrix.identifier for matrix in matrices]
    for identifier in identifiers:
        if identifiers.count(identifier) > 1:
            raise ConfigError(f"{source}: two tileMatrices have the id {identifier!r}; each needs its own")
    for coarse, fine in itertools.pairwise(matrices):
        if not (coarse.scale_denominator > fine.scale_denominator and coarse.cell_size > fine.cell_size):
            raise ConfigError(
                f"{source}: tileMatrices {coarse.identifier!r} and {fine.identifier!r} are not in order; "
                "write the coarsest first"
            )


class _Fields:
    """The members of an object of JSON, each checked when it is asked for."""

    def __init__(self, value: Any, source: str) -> None:
        if not isinstance(value, dict):
            raise ConfigError(f"{source}: an object of JSON is needed")
        self.source = source
        self._members = value

    def value(self, name: str) -> Any:
        """Of a member that must be there."""
        if name not in self._members:
            raise ConfigError(f"{self.source}: {name} is missing")
        return self._members[name]

    def text(self, name: str, default: str = "") -> str:
        """A text, or the default."""
        value = self._members.get(name, default)
        if not isinstance(value, str) or UNPRINTABLE.search(value):
            raise ConfigError(f"{self.source}: {name} is {value!r}; a text of printable characters is needed")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, or none."""
        values = self.list(name, [])
        if not all(isinstance(value, str) and not UNPRINTABLE.search(value) for value in values):
            raise ConfigError(f"{self.source}: {name} is {values!r}; a list of texts is needed")
        return tuple(values)

    def identifier(self, name: str) -> str:
        """A text that can be a part of an address."""
        value = self.value(name)
        if not (isinstance(value, str) and IDENTIFIER.fullmatch(value)):
            raise ConfigError(
                f"{self.source}: {name} is {value!r}; 1 to 64 characters without /, ?, #, & are needed"
            )
        return value

    def list(self, name: str, default: list[Any] | None = None) -> list[Any]:
        """A list; one that must be there without a default."""
        value = self.value(name) if default is None else self._members.get(name, default)
        if not isinstance(value, list):
            raise ConfigError(f"{self.source}: {name} is {value!r}; a list is needed")
        return value

    def integer(self, name: str, maximum: int) -> int:
        """An integer from 1 to the maximum."""
        value = self.value(name)
        if not (type(value) is int and 1 <= value <= maximum):
            raise ConfigError(f"{self.source}: {name} is {value!r}; an integer from 1 to {maximum} is needed")
        return value

    def positive(self, name: str) -> float:
        """A number above 0."""
        value = self.value(name)
        if not (_is_number(value) and value > 0):
            raise ConfigError(f"{self.source}: {name} is {value!r}; a number above 0 is needed")
        return float(value)

    def pair(self, name: str) -> tuple[float, float]:
        """Two numbers."""
        value = self.list(name)
        if not (len(value) == 2 and all(_is_number(one) for one in value)):
            raise ConfigError(f"{self.source}: {name} is {value!r}; two numbers are needed")
        return float(value[0]), float(value[1])


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e300
