"""Mappings between pixels and the ground, against GDAL's transformers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from iipserve.geo.georeference import ControlPoint, ControlPoints, Mapping, RationalPolynomials
from iipserve.geo.grid import Affine
from iipserve.geo.mapping import to_ground, to_pixels

rasterio = pytest.importorskip("rasterio")
from rasterio.control import GroundControlPoint  # noqa: E402
from rasterio.rpc import RPC  # noqa: E402
from rasterio.transform import GCPTransformer, RPCTransformer  # noqa: E402

COLUMNS, ROWS = (each.ravel() for each in np.meshgrid(np.linspace(0, 600, 13), np.linspace(0, 400, 9)))


def bent(column: float, row: float) -> tuple[float, float]:
    """A place that no affine mapping gives exactly."""
    return 500000 + 10 * column + 0.004 * row * row, 5000000 - 10 * row + 0.002 * column * row


POINTS = tuple(
    ControlPoint(column, row, *bent(column, row))
    for column in (0.0, 150.0, 320.0, 600.0)
    for row in (0.0, 90.0, 230.0, 400.0)
)
RPCS = RationalPolynomials(
    offsets=(200.0, 300.0, 45.0, 15.0, 100.0),
    scales=(200.0, 300.0, 0.02, 0.03, 500.0),
    line_numerator=(0.01, 0.02, -1.0, 0.03, 0.001, 0.0, 0.002, *(0.0005,) * 13),
    line_denominator=(1.0, 0.001, 0.002, 0.0, *(0.0001,) * 16),
    sample_numerator=(-0.02, 1.0, 0.04, 0.01, 0.002, *(0.0003,) * 15),
    sample_denominator=(1.0, 0.002, -0.001, 0.001, *(0.0002,) * 16),
    height=250.0,
)


def gdal_points(**options: Any) -> GCPTransformer:
    points = [GroundControlPoint(row=p.row, col=p.column, x=p.x, y=p.y) for p in POINTS]
    return GCPTransformer(points, **options)


@pytest.mark.parametrize("order", [0, 2], ids=["thin plate spline", "polynomial"])
def test_control_points_as_gdal_has_them(order: int) -> None:
    """rasterio lets GDAL choose the order of polynomials: 2 for 16 points. GDAL computes splines with a rough logarithm."""
    mapping = ControlPoints(POINTS, order)
    with gdal_points(tps=order == 0) as theirs:
        xs, ys = theirs.xy(ROWS, COLUMNS, offset="ul")
        rows, columns = theirs.rowcol(xs, ys, op=float)
    ours = to_ground(mapping, COLUMNS, ROWS)
    pixel = 0.01 if order else 1.0
    np.testing.assert_allclose(ours, (xs, ys), rtol=0, atol=10 * pixel)
    np.testing.assert_allclose(to_pixels(mapping, np.array(xs), np.array(ys)), (columns, rows), atol=pixel)


def test_spline_goes_through_its_points() -> None:
    mapping = ControlPoints(POINTS, 0)
    columns, rows, xs, ys = np.array(POINTS).T
    np.testing.assert_allclose(to_ground(mapping, columns, rows), (xs, ys), atol=1e-4)
    np.testing.assert_allclose(to_pixels(mapping, xs, ys), (columns, rows), atol=1e-4)


def test_polynomial_of_its_order_is_exact() -> None:
    mapping = ControlPoints(POINTS, 2)
    expected = bent(COLUMNS, ROWS)  # type: ignore[arg-type]
    np.testing.assert_allclose(to_ground(mapping, COLUMNS, ROWS), expected, atol=1e-4)


def test_rational_polynomials_as_gdal_has_them() -> None:
    rpcs = RPC(
        RPCS.height, 0.0, RPCS.offsets[2], RPCS.scales[2], list(RPCS.line_denominator), list(RPCS.line_numerator),
        RPCS.offsets[0], RPCS.scales[0], RPCS.offsets[3], RPCS.scales[3], list(RPCS.sample_denominator),
        list(RPCS.sample_numerator), RPCS.offsets[1], RPCS.scales[1],
    )  # fmt: skip
    rpcs.height_off, rpcs.height_scale = RPCS.offsets[4], RPCS.scales[4]
    with RPCTransformer(rpcs, rpc_height=RPCS.height) as theirs:
        xs, ys = theirs.xy(ROWS, COLUMNS, offset="ul")
        rows, columns = theirs.rowcol(xs, ys, op=float)
    ours = to_ground(RPCS, COLUMNS, ROWS)
    np.testing.assert_allclose(ours, (xs, ys), rtol=0, atol=2e-5)  # GDAL ends within 0.1 pixels
    np.testing.assert_allclose(to_pixels(RPCS, np.array(xs), np.array(ys)), (columns, rows), atol=1e-3)


@pytest.mark.parametrize("mapping", [Affine(2.0, 1.0, 5.0, 1.0, -3.0, 7.0), RPCS], ids=["affine", "rpc"])
def test_there_and_back(mapping: Mapping) -> None:
    back = to_pixels(mapping, *to_ground(mapping, COLUMNS, ROWS))
    np.testing.assert_allclose(back, (COLUMNS, ROWS), atol=1e-6)


@pytest.mark.parametrize("mapping", [Affine(2.0, 1.0, 5.0, 1.0, -3.0, 7.0), RPCS, ControlPoints(POINTS, 3)])
def test_nowhere_has_no_pixel(mapping: Mapping) -> None:
    nowhere = np.array([np.nan, np.inf])
    columns, rows = to_pixels(mapping, nowhere, nowhere)
    assert not (np.isfinite(columns) & np.isfinite(rows)).any()
