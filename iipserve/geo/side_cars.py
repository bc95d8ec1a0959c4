"""Files next to an image that say where it is located: world files, `.prj` with the coordinate reference system, `.aux.xml`."""

from __future__ import annotations

import math
import os
from typing import Any

from iipserve.geo import class_names, crs
from iipserve.geo.file_mappings import is_usable, of_control_points
from iipserve.geo.georeference import Band, ControlPoint, Mapping
from iipserve.geo.grid import Affine
from iipserve.geo.placement import Placement
from iipserve.geo.xml import parsed

AUXILIARY = ".aux.xml"
"""Added to the name of an image, it is that of the file in which GDAL keeps what the image's format cannot hold."""


def world_file_names(path: str) -> list[str]:
    """Paths of the world files that an image may have, in the order in which they are tried.

    The extension is that of the image without its middle (`jgw`) or with an added `w` (`jpgw`), or `wld`.
    """
    stem, extension = os.path.splitext(path)
    letters = extension.removeprefix(".")
    names = [f"{letters[0]}{letters[-1]}w", f"{letters}w", "wld"] if letters else ["wld"]
    return [
        f"{stem}.{name}"
        for name in dict.fromkeys(each for one in names for each in (one.lower(), one.upper()))
    ]


def system_file_names(path: str) -> list[str]:
    """Paths of the files with the coordinate reference system of an image."""
    stem = os.path.splitext(path)[0]
    return [f"{stem}.prj", f"{stem}.PRJ"]


def read_world_file(content: bytes) -> Affine | None:
    """The mapping of a world file: six numbers, of which the last two are the center of the first pixel.

    Programs on Windows write some with a byte order mark, or with decimal commas.
    """
    text = content[:1000].decode("utf-8-sig", "replace").replace(",", ".")
    try:
        a, d, b, e, x, y = (float(number) for number in text.split()[:6])
    except ValueError:
        return None
    affine = Affine(a, b, x - a / 2 - b / 2, d, e, y - d / 2 - e / 2)
    return affine if is_usable(affine) else None


def read_system_file(content: bytes) -> str | None:
    """The key of the system in a `.prj` file: WKT of any kind; None where it is not known."""
    return crs.key_of_wkt(content.decode("utf-8", "replace").strip())


# -- GDAL's auxiliary files ------------------------------------------------------------------------


def read_auxiliary(content: bytes) -> Placement:
    """What GDAL keeps next to an image (its Persistent Auxiliary Metadata): system, transform or points, bands.

    Raises:
        NotInstalled: the extra `geo` is not.
    """
    root = parsed(content)
    if root is None or root.tag != "PAMDataset":
        return Placement()
    points = root.find("GCPList")
    system = root.findtext("SRS") or (points.get("Projection", "") if points is not None else "")
    mapping: Mapping | None = _transform(root.findtext("GeoTransform", ""))
    if mapping is None and points is not None:
        mapping = _control_points(points)
    described = root.findall("PAMRasterBand")
    bands = tuple(_band(band, index) for index, band in enumerate(described))
    classes = class_names.of_band(described[0]) if described else ()
    return Placement(crs.key_of_wkt(system.strip()), mapping, bands, classes)


def _transform(text: str) -> Affine | None:
    """GDAL's order: x, and what it grows by with column and row; then y."""
    try:
        c, a, b, f, d, e = map(float, text.split(","))
    except ValueError:
        return None
    affine = Affine(a, b, c, d, e, f)
    return affine if is_usable(affine) else None


def _control_points(points: Any) -> Mapping | None:
    names = ("Pixel", "Line", "X", "Y")
    try:
        return of_control_points(
            [ControlPoint(*(float(point.get(name)) for name in names)) for point in points.iter("GCP")]
        )
    except (TypeError, ValueError):
        return None


def _band(band: Any, index: int) -> Band:
    scale, offset = _number(band, "Scale", 1.0), _number(band, "Offset", 0.0)
    name = band.findtext("Description") or f"band{index + 1}"
    return Band(name, band.findtext("UnitType") or "", scale or 1.0, offset)


def _number(band: Any, name: str, default: float) -> float:
    try:
        value = float(band.findtext(name) or default)
    except ValueError:
        return default
    return value if math.isfinite(value) else default
