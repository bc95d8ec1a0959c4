"""What both servers are asked: a table of requests of WMS 1.1.1 and 1.3.0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from urllib.parse import urlencode

import pyproj

from tests.differential.wms.rasters import MAKERS, OWN_GRIDS, PROJECTIONS
from tests.geo_rasters import GRIDS, HEIGHT, WIDTH
from tests.projections import transformer

VERSIONS = ("1.1.1", "1.3.0")
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Question:
    """One request."""

    name: str
    """What is asked, with the version."""
    parameters: tuple[tuple[str, str], ...]
    exact: bool = False
    """The map has the pixels of the raster, so that no rounding may differ."""

    @property
    def query(self) -> str:
        """The query string."""
        return urlencode(self.parameters, safe=":,/")

    def with_values(self, **values: str) -> str:
        """The query string with other values of some parameters."""
        return urlencode({**dict(self.parameters), **values}, safe=":,/")

    def __str__(self) -> str:
        return self.name


def crs_of(layer: str) -> str:
    """The coordinate reference system of a raster."""
    return PROJECTIONS.get(layer, "epsg:32633").upper()


def box_of(layer: str, crs: str = "", *, margin: float = 0.11) -> Box:
    """The box of a raster in a system, x before y, with a margin around it as a part of its sides."""
    transform = (OWN_GRIDS | GRIDS).get(layer, GRIDS["utm"])[1]
    assert transform is not None
    corners = [transform * corner for corner in ((0, 0), (WIDTH, 0), (0, HEIGHT), (WIDTH, HEIGHT))]
    xs, ys = zip(*corners, strict=True)
    box = min(xs), min(ys), max(xs), max(ys)
    if crs not in ("", crs_of(layer)):
        box = transformer(crs_of(layer), crs).transform_bounds(*box)
    across, down = (box[2] - box[0]) * margin, (box[3] - box[1]) * margin
    return box[0] - across, box[1] - down, box[2] + across, box[3] + down


@cache
def is_north_first(crs: str) -> bool:
    """Whether the authority of a system has north before east."""
    axes = pyproj.CRS(crs).axis_info
    if axes[0].direction == "east":
        return False
    # both axes of a polar system point the same way, and only their names tell which is which
    return axes[1].direction == "east" or axes[0].name == "Northing"


def map_of(version: str, layer: str, crs: str, box: Box, **others: str) -> dict[str, str]:
    """The parameters of GetMap, the box in the order of the version."""
    swapped = version == "1.3.0" and crs != "CRS:84" and is_north_first(crs)
    ordered = (box[1], box[0], box[3], box[2]) if swapped else box
    return {
        "SERVICE": "WMS", "VERSION": version, "REQUEST": "GetMap", "LAYERS": layer, "STYLES": "",
        "CRS" if version == "1.3.0" else "SRS": crs, "BBOX": ",".join(map(repr, map(float, ordered))),
        "WIDTH": "150", "HEIGHT": "100", "FORMAT": "image/png", "TRANSPARENT": "TRUE", **others,
    }  # fmt: skip


def info_of(
    version: str, layer: str, crs: str, box: Box, place: tuple[int, int], **others: str
) -> dict[str, str]:
    """The parameters of GetFeatureInfo at a pixel."""
    across, down = ("I", "J") if version == "1.3.0" else ("X", "Y")
    return map_of(version, layer, crs, box) | {
        "REQUEST": "GetFeatureInfo", "QUERY_LAYERS": layer, "INFO_FORMAT": "text/plain",
        across: str(place[0]), down: str(place[1]), **others,
    }  # fmt: skip


LAYERS = ("utm,gaps", "gaps,utm", "gaps,palette", "utm,utm", "rgba,gaps,heights")
"""Several, the first lowest."""
REPORTS = {
    "1.1.1": {"INIMAGE": "application/vnd.ogc.se_inimage", "BLANK": "application/vnd.ogc.se_blank"},
    "1.3.0": {"INIMAGE": "INIMAGE", "BLANK": "BLANK"},
}
"""Exceptions that are pictures."""


def _several(version: str) -> Iterator[Question]:
    box = box_of("utm")
    for layers in LAYERS:
        yield _question(f"layers {layers}", map_of(version, layers, "EPSG:32633", box))
        yield _question(
            f"layers {layers}, opaque", map_of(version, layers, "EPSG:32633", box, TRANSPARENT="FALSE")
        )


def _reports(version: str) -> Iterator[Question]:
    good = map_of(version, "nothing", "EPSG:32633", box_of("utm"))
    for form, value in REPORTS[version].items():
        for transparent in ("TRUE", "FALSE"):
            yield _question(
                f"{form}, TRANSPARENT={transparent}", good | {"TRANSPARENT": transparent, "EXCEPTIONS": value}
            )


def _maps(version: str) -> Iterator[Question]:
    for layer in MAKERS:
        crs = crs_of(layer)
        plain = {"WIDTH": str(WIDTH), "HEIGHT": str(HEIGHT)}
        if layer != "rotated":
            yield _question(
                f"{layer}, own pixels",
                map_of(version, layer, crs, box_of(layer, margin=0), **plain),
                exact=True,
            )
        yield _question(f"{layer}, own system", map_of(version, layer, crs, box_of(layer)))
        for other in ("EPSG:4326", "EPSG:3857"):
            if other != crs and layer not in ("world", "polar"):
                yield _question(f"{layer}, {other}", map_of(version, layer, other, box_of(layer, other)))
    for layer in ("utm", "gaps", "rgba", "palette", "heights"):
        crs, box = crs_of(layer), box_of(layer)
        for name, values in LOOKS.items():
            yield _question(f"{layer}, {name}", map_of(version, layer, crs, box, **values))


LOOKS: Mapping[str, Mapping[str, str]] = {
    "opaque": {"TRANSPARENT": "FALSE"},
    "opaque by default": {"TRANSPARENT": ""},
    "opaque on blue": {"TRANSPARENT": "FALSE", "BGCOLOR": "0x0000FF"},
    "clear with a background": {"BGCOLOR": "0x0000FF"},
    "JPEG": {"FORMAT": "image/jpeg"},
    "JPEG on blue": {"FORMAT": "image/jpeg", "TRANSPARENT": "FALSE", "BGCOLOR": "0x0000FF"},
}
SHAPES: Mapping[str, Mapping[str, str]] = {
    "one pixel": {"WIDTH": "1", "HEIGHT": "1"},
    "one column": {"WIDTH": "1", "HEIGHT": "100"},
    "one row": {"WIDTH": "150", "HEIGHT": "1"},
    "stretched": {"WIDTH": "300", "HEIGHT": "90"},
    "upright": {"WIDTH": "60", "HEIGHT": "200"},
    "enlarged": {"WIDTH": "700", "HEIGHT": "500"},
    "reduced": {"WIDTH": "36", "HEIGHT": "24"},
    "of the largest width": {"WIDTH": "2048", "HEIGHT": "2"},
}
BOXES: Mapping[str, tuple[str, Box]] = {
    "next to the data": ("EPSG:32633", (700000.0, 4998000.0, 702000.0, 5000000.0)),
    "over a corner": ("EPSG:32633", (499000.0, 4999500.0, 500500.0, 5000500.0)),
    "a part of a pixel": ("EPSG:32633", (500101.0, 4999801.0, 500109.0, 4999809.0)),
    "the whole world in degrees": ("EPSG:4326", (-180.0, -90.0, 180.0, 90.0)),
    "the northern edge of the world": ("EPSG:4326", (-180.0, 80.0, 180.0, 100.0)),
    "CRS:84": ("CRS:84", (14.9, 45.1, 15.04, 45.16)),
    "EPSG:900913": ("EPSG:900913", (1669000.0, 5618000.0, 1674000.0, 5623000.0)),
}


def _shapes(version: str) -> Iterator[Question]:
    for name, values in SHAPES.items():
        yield _question(name, map_of(version, "utm", "EPSG:32633", box_of("utm"), **values))
    for name, (crs, box) in BOXES.items():
        layer = "world" if "world" in name else "utm"
        if version == "1.3.0" or crs != "CRS:84":
            yield _question(name, map_of(version, layer, crs, box))
    yield _question("style default", map_of(version, "utm", "EPSG:32633", box_of("utm"), STYLES="default"))
    small = {
        name.lower(): value for name, value in map_of(version, "utm", "EPSG:32633", box_of("utm")).items()
    }
    yield _question("names of parameters in lower case", small)


FAULTS: Mapping[str, Mapping[str, str | None]] = {
    "no LAYERS": {"LAYERS": None},
    "no BBOX": {"BBOX": None},
    "no WIDTH": {"WIDTH": None},
    "no HEIGHT": {"HEIGHT": None},
    "no FORMAT": {"FORMAT": None},
    "no STYLES": {"STYLES": None},
    "no system": {"CRS": None, "SRS": None},
    "unknown layer": {"LAYERS": "nothing"},
    "one unknown layer": {"LAYERS": "utm,nothing"},
    "unknown style": {"STYLES": "nothing"},
    "too many styles": {"STYLES": ",,"},
    "unknown format": {"FORMAT": "image/nothing"},
    "unknown system": {"CRS": "EPSG:999999", "SRS": "EPSG:999999"},
    "no system at all": {"CRS": "nothing", "SRS": "nothing"},
    "system that is not listed": {"CRS": "EPSG:2180", "SRS": "EPSG:2180"},
    "box of three numbers": {"BBOX": "500000,4998400,502400"},
    "box of words": {"BBOX": "a,b,c,d"},
    "box without width": {"BBOX": "500000,4998400,500000,5000000"},
    "reversed box": {"BBOX": "502400,4998400,500000,5000000"},
    "width of 0": {"WIDTH": "0"},
    "negative height": {"HEIGHT": "-5"},
    "width in words": {"WIDTH": "wide"},
    "width above the limit": {"WIDTH": "2049"},
    "huge width": {"WIDTH": "2000000000"},
    "unknown operation": {"REQUEST": "GetNothing"},
    "no operation": {"REQUEST": None},
    "version between": {"VERSION": "1.2.0"},
    "version above": {"VERSION": "9.9.9"},
}


POINT_FAULTS: Mapping[str, Mapping[str, str | None]] = {
    "point outside": {"I": "150", "X": "150"},
    "negative point": {"J": "-1", "Y": "-1"},
    "point in words": {"I": "left", "X": "left"},
    "no point": {"I": None, "X": None},
    "no QUERY_LAYERS": {"QUERY_LAYERS": None},
    "unknown QUERY_LAYERS": {"QUERY_LAYERS": "nothing"},
    "unknown INFO_FORMAT": {"INFO_FORMAT": "text/nothing"},
}


def _changed(parameters: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """Parameters with other values where they are there, and without those of None."""
    merged = {name: changes.get(name, value) for name, value in parameters.items()}
    return {name: value for name, value in merged.items() if value is not None}


def _faults(version: str) -> Iterator[Question]:
    good = map_of(version, "utm", "EPSG:32633", box_of("utm"))
    for name, changes in FAULTS.items():
        yield _question(name, _changed(good, changes))
    point = info_of(version, "utm", "EPSG:32633", box_of("utm"), (75, 50))
    for name, changes in POINT_FAULTS.items():
        yield _question(f"info, {name}", _changed(point, changes))


def _infos(version: str) -> Iterator[Question]:
    for layer in MAKERS:
        for place in ((75, 50), (20, 30), (130, 70), (1, 1)):
            parameters = info_of(version, layer, crs_of(layer), box_of(layer), place)
            yield _question(f"info, {layer}, {place}", parameters)
    for crs in ("EPSG:4326", "EPSG:3857"):
        parameters = info_of(version, "utm", crs, box_of("utm", crs), (60, 40))
        yield _question(f"info, utm, {crs}", parameters)
    both = info_of(version, "utm,gaps", "EPSG:32633", box_of("utm"), (30, 30))
    yield _question("info, utm,gaps", both)


def _question(name: str, parameters: Mapping[str, str], *, exact: bool = False) -> Question:
    return Question(name, tuple(parameters.items()), exact)


def questions() -> Sequence[Question]:
    """All of them."""
    kinds = (_maps, _several, _shapes, _infos, _faults, _reports)
    return [
        replace(question, name=f"{version}: {question.name}")
        for version in VERSIONS for kind in kinds for question in kind(version)
    ]  # fmt: skip
