"""Automatic projections of WMS, against PROJ's own parameters for the formulas of 06-042, annex B."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest

from iipserve.geo import auto_crs, crs
from iipserve.geo.crs import Form, UnknownCrs

LONS, LATS = np.array([-103.0, -100.0, -97.5]), np.array([44.0, 45.0, 46.5])
ELLIPSOID = "+ellps=WGS84 +units=m"
CASES = [
    ("AUTO2:42001,1,-100,45", "+proj=utm +zone=14", 1.0),
    ("AUTO2:42001,0.3048,-100,45", "+proj=utm +zone=14", 0.3048),
    ("AUTO2:42001,1,180,-45", "+proj=utm +zone=60 +south", 1.0),
    ("auto2:42002,1,-100,45", "+proj=tmerc +lat_0=0 +lon_0=-100 +k=0.9996 +x_0=500000", 1.0),
    ("AUTO2:42002,1,-100,-45", "+proj=tmerc +lat_0=0 +lon_0=-100 +k=0.9996 +x_0=500000 +y_0=10000000", 1.0),
    ("AUTO2:42003,1,-100,45", "+proj=ortho +lat_0=45 +lon_0=-100", 1.0),
    ("AUTO2:42003,1000,-1e2,4.5e1", "+proj=ortho +lat_0=45 +lon_0=-100", 1000.0),
    ("AUTO2:42004,1,-100,45", "+proj=eqc +lat_ts=45 +lon_0=-100", 1.0),
    ("AUTO2:42005,1,-100,45", "+proj=moll +lon_0=-100", 1.0),
    ("AUTO:42003,9001,-100,45", "+proj=ortho +lat_0=45 +lon_0=-100", 1.0),
    ("AUTO:42003,9002,-100,45", "+proj=ortho +lat_0=45 +lon_0=-100", 0.3048),
    ("AUTO:42003,-100,45", "+proj=ortho +lat_0=45 +lon_0=-100", 1.0),
]


@pytest.mark.parametrize(("text", "expected", "unit"), CASES)
def test_projections(text: str, expected: str, unit: float) -> None:
    name = auto_crs.parse(text)
    assert name.form is Form.X_FIRST
    found = crs.transformer(crs.WGS84, name.key)(LONS, LATS)
    project = pyproj.Transformer.from_crs(
        "EPSG:4326", pyproj.CRS.from_proj4(f"{expected} {ELLIPSOID}"), always_xy=True
    )
    for ours, theirs in zip(found, project.transform(LONS, LATS), strict=True):
        assert np.allclose(ours * unit, theirs, atol=0.01)
    assert crs.metres_per_unit(name.key) == pytest.approx(unit)


@pytest.mark.parametrize(
    "text",
    ["AUTO2:42006,1,0,0", "AUTO2:42001", "AUTO2:42001,1,181,0", "AUTO2:42003,1,0,91", "AUTO2:42003,0,0,0",
     "AUTO2:42003,nan,0,0", "AUTO:42003,9102,0,0", "AUTO2:42004,1,0,90", "AUTO2:42001,1,0,0,0",
     "AUTO2:42003,1e999,0,0", 'AUTO2:42003,1,0,0"'],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    with pytest.raises(UnknownCrs):
        auto_crs.parse(text)
