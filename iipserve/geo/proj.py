"""PROJ's objects: coordinate reference systems and transformations, of one thread of one process each.

They are made on first use, after any fork, and a limited number is kept. Only `geo.crs` and `geo.definitions`
use this module. What reaches PROJ is a code or WKT: a PROJ string could name a file or a pipeline.
"""

from __future__ import annotations

import math
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from iipserve.geo import load
from iipserve.lru import LRU

if TYPE_CHECKING:
    import pyproj

Coordinates: TypeAlias = NDArray[np.float64]
Transformation: TypeAlias = Callable[[Coordinates, Coordinates], tuple[Coordinates, Coordinates]]
"""(xs, ys) of one system -> (xs, ys) of another, of any one shape; infinite where a place is outside of either."""

MAX_SYSTEMS = 64
MAX_TRANSFORMERS = 64
"""Systems and transformations that each thread keeps: up to 30 kB each, and 0.2 s to make where datums differ."""
MAX_WKT = 64 << 10
"""Length of the WKT that is read, in characters."""
LONGEST_UNIT = 1e9
"""In metres or radians. Files that define a longer one, or one as much shorter, are damaged."""
MAX_NESTED = 4
"""Compound and bound systems within each other."""
CODE = re.compile(r"(EPSG|ESRI):([0-9]{1,7})", re.ASCII)


class UnknownToProj(Exception):
    """PROJ knows no such system or transformation."""


@contextmanager
def _reported() -> Iterator[None]:
    """Raise `UnknownToProj` for what pyproj raises."""
    load("pyproj")
    from pyproj.exceptions import ProjError

    try:
        yield
    except ProjError as error:
        raise UnknownToProj(str(error)) from error


def code_of(key: str) -> tuple[str, str] | None:
    """Authority and code of a key that is a code, or None."""
    match = CODE.fullmatch(key)
    return (match[1], match[2]) if match else None


# -- systems ---------------------------------------------------------------------------------------


def system(key: str) -> pyproj.CRS:
    """The system of a code, as `EPSG:4326`, or of WKT, for the calling thread.

    Raises:
        UnknownToProj: there is none.
        NotInstalled: the extra `geo` is not.
    """
    systems = _of_thread.objects().systems
    known = systems.get(key)
    if known is None:
        known = _read(key)
        systems.set(key, known)
    return known


def _read(key: str) -> pyproj.CRS:
    with _reported():
        import pyproj

        if code := code_of(key):
            return pyproj.CRS.from_authority(*code)
        if "[" in key and len(key) <= MAX_WKT:
            return pyproj.CRS.from_wkt(key)
    raise UnknownToProj("neither a code nor WKT")


def horizontal(crs: pyproj.CRS) -> pyproj.CRS | None:
    """The horizontal system of a compound, bound or three-dimensional one; None where it has none on a globe."""
    for _ in range(MAX_NESTED):
        inner = crs.sub_crs_list[0] if crs.is_compound else crs.source_crs if crs.is_bound else None
        if inner is None:
            break
        crs = inner
    if crs.is_vertical or crs.is_geocentric or crs.is_engineering or len(crs.axis_info) < 2:
        return None
    units = [axis.unit_conversion_factor for axis in crs.axis_info[:2]]
    if not all(1 / LONGEST_UNIT < unit < LONGEST_UNIT for unit in units):
        return None
    return crs.to_2d() if len(crs.axis_info) > 2 else crs


def horizontal_key(crs: pyproj.CRS) -> str | None:
    """Code of the horizontal system, or its WKT 2 where it has none; None where there is no horizontal system.

    It has a code where the definition states it, or is that of the code in every respect.
    """
    flat = horizontal(crs)
    if flat is None:
        return None
    for authority in ("EPSG", "ESRI"):
        if found := flat.to_authority(authority, min_confidence=100):
            return f"{authority}:{found[1]}"
    # all that is known of the datum of a system without a code is its own shift
    while crs.is_compound:
        crs = crs.sub_crs_list[0]
    return str((crs if crs.is_bound and len(crs.axis_info) == 2 else flat).to_wkt("WKT2_2019"))


def key_of_wkt(wkt: str) -> str | None:
    """`horizontal_key` of WKT 1 or 2. Raises `UnknownToProj`, `NotInstalled`."""
    return horizontal_key(_read(wkt))


# -- transformations -------------------------------------------------------------------------------


class _OfThread(threading.local):
    """PROJ's objects of one thread of one process."""

    process = 0

    def objects(self) -> _OfThread:
        """Itself, emptied after a fork."""
        if self.process != os.getpid():
            load("pyproj")
            from pyproj.network import set_network_enabled  # type: ignore[attr-defined]  # in Cython

            set_network_enabled(active=False)  # PROJ_NETWORK=ON would let it load grids
            self.systems: LRU[str, pyproj.CRS] = LRU(MAX_SYSTEMS)
            self.transformations: LRU[tuple[str, str], Transformation] = LRU(MAX_TRANSFORMERS)
            self.process = os.getpid()
        return self


_of_thread = _OfThread()


def transformation(source: str, target: str) -> Transformation:
    """From one system to another, x before y in both, for the calling thread only.

    Raises:
        UnknownToProj: there is none.
        NotInstalled: the extra `geo` is not.
    """
    transformations = _of_thread.objects().transformations
    known = transformations.get((source, target))
    if known is None:
        known = transformation_between(system(source), system(target))
        transformations.set((source, target), known)
    return known


def transformation_between(source: pyproj.CRS, target: pyproj.CRS) -> Transformation:
    """As `transformation`, of systems that are at hand."""
    with _reported():
        import pyproj

        transform = pyproj.Transformer.from_crs(source, target, always_xy=True).transform

    def transformed(xs: Coordinates, ys: Coordinates) -> tuple[Coordinates, Coordinates]:
        shape = np.shape(xs)
        flat_xs, flat_ys = (np.array(values, dtype=np.float64).ravel() for values in (xs, ys))
        new_xs, new_ys = transform(flat_xs, flat_ys, inplace=True)
        outside = ~(np.isfinite(new_xs) & np.isfinite(new_ys))
        new_xs[outside] = new_ys[outside] = np.inf
        return new_xs.reshape(shape), new_ys.reshape(shape)

    return transformed


# -- cylindrical projections ---------------------------------------------------------------------

CYLINDRICAL = re.compile(
    r"(popular visualisation pseudo )?mercator|equidistant cylindrical|(pseudo )?plate carr"
    r"|lambert cylindrical equal area|miller cylindrical|gall stereographic",
    re.IGNORECASE,
)
"""Beginnings of the names of methods whose x is proportional to longitude."""


def width_of_globe(crs: pyproj.CRS) -> float | None:
    """How far x grows around the globe in a cylindrical projection, in its units; None in any other."""
    operation = crs.coordinate_operation
    if operation is None or not CYLINDRICAL.match(operation.method_name) or crs.geodetic_crs is None:
        return None
    with suppress(UnknownToProj):
        middle = next(
            (float(each.value) for each in operation.params if each.name.startswith("Longitude of")), 0.0
        )
        xs, _ = transformation_between(crs.geodetic_crs, crs)(np.array([middle, middle + 1.0]), np.zeros(2))
        width = float(abs(xs[1] - xs[0])) * 360.0
        return width if math.isfinite(width) and width > 0 else None
    return None
