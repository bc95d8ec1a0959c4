"""Transformations between coordinate reference systems; threads, and what is loaded for them."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from iipserve import geo
from iipserve.errors import NotInstalled
from iipserve.geo import crs, proj
from iipserve.geo.crs import CrsName, NoTransformation

pyproj = pytest.importorskip("pyproj")

MERCATOR = "EPSG:3857"


# -- transformations -------------------------------------------------------------------------------


def test_transforms_arrays_of_any_shape_with_x_first() -> None:
    xs, ys = np.meshgrid(np.linspace(10, 20, 7), np.linspace(40, 50, 5))
    kept = xs.copy()
    for source, target in (("EPSG:4326", "EPSG:32633"), ("EPSG:4326", MERCATOR), ("EPSG:4326", "EPSG:3035")):
        expected = pyproj.Transformer.from_crs(source, target, always_xy=True).transform(xs, ys)
        found = crs.transformer(source, target)(xs, ys)
        np.testing.assert_array_equal(np.stack(found), np.stack(expected))
    np.testing.assert_array_equal(xs, kept)


def test_places_outside_are_infinite() -> None:
    xs, ys = crs.transformer("ESRI:54009", "EPSG:4326")(
        np.array([-18e6, 0, np.nan, np.inf, 1e300]), np.array([9e6, 0, 0, 0, 0])
    )
    assert np.isfinite(xs).tolist() == [False, True, False, False, False]
    assert np.isfinite(ys).tolist() == [False, True, False, False, False]


def test_pixels_have_no_place_on_the_ground() -> None:
    with pytest.raises(NoTransformation):
        crs.transformer("image", "EPSG:4326")
    xs, ys = crs.transformer("image", "image")(np.array([1.0]), np.array([-2.0]))
    assert (xs[0], ys[0]) == (1, -2)


def test_each_thread_and_process_has_objects_of_its_own() -> None:
    """In an interpreter of its own: a fork of one in which another thread is inside PROJ waits for ever."""
    subprocess.run([sys.executable, "-c", OBJECTS], check=True, timeout=300)


OBJECTS = """
import os, threading
import numpy as np
from iipserve.geo import crs

before = crs.transformer("EPSG:4326", "EPSG:32633")
assert crs.transformer("EPSG:4326", "EPSG:32633") is before
child = os.fork()
if not child:
    after = crs.transformer("EPSG:4326", "EPSG:32633")
    xs, _ = after(np.array([15.0]), np.array([45.0]))
    os._exit(0 if after is not before and abs(xs[0] - 500000) < 1e-6 else 1)
assert os.waitpid(child, 0)[1] == 0
made = []
thread = threading.Thread(target=lambda: made.append(crs.transformer("EPSG:4326", "EPSG:32633")))
thread.start()
thread.join()
assert made[0] is not before
"""


def test_what_clients_name_is_kept_in_bounds() -> None:
    for zone in range(1, 61):
        crs.transformer("EPSG:4326", f"EPSG:{32600 + zone}")
        crs.transformer("EPSG:4326", f"EPSG:{32700 + zone}")
    objects = proj._of_thread.objects()
    assert len(objects.transformations._values) == proj.MAX_TRANSFORMERS
    assert len(objects.systems._values) == proj.MAX_SYSTEMS


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geo, "missing_packages", lambda: ("pyproj",))
    monkeypatch.setattr(proj, "_of_thread", proj._OfThread())
    crs._keys.clear()
    crs._keys_of_wkt.clear()
    for _ in range(2):
        with pytest.raises(NotInstalled, match=r"pyproj.*pip install"):
            crs.transformer("EPSG:4326", "EPSG:32633")
        with pytest.raises(NotInstalled):
            crs.parse("EPSG:32633")
        with pytest.raises(NotInstalled):
            crs.key_of_wkt(pyproj.CRS("EPSG:4326").to_wkt())
    assert crs.parse("EPSG:4326") == CrsName("EPSG:4326")


def test_proj_loads_nothing_from_the_network() -> None:
    code = (
        "import threading; from iipserve.geo import crs; crs.parse('EPSG:32633'); crs.transformer('EPSG:4326', 'EPSG:27700');"
        "import pyproj.network as network; found = [network.is_network_enabled()];"
        "thread = threading.Thread(target=lambda: found.append(crs.turn('EPSG:3395') and network.is_network_enabled()));"
        "thread.start(); thread.join(); print(found)"
    )
    environ = os.environ | {"PROJ_NETWORK": "ON"}
    found = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environ
    )
    assert found.stdout == "[False, False]\n"


EXTRAS = (
    "pyproj", "rasterio", "lxml", "mappyfile", "osgeo",
    "antimeridian", "cql2", "geoalchemy2", "psycopg", "shapely", "sqlalchemy",
)  # fmt: skip


def test_the_application_loads_none_of_the_extras_packages() -> None:
    code = f"import sys, iipserve.app; print([name for name in {EXTRAS} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "[]\n"


SIMULTANEOUS = """
import sys, threading
from iipserve.geo import crs
sys.setswitchinterval(1e-5)
start, failed = threading.Barrier(8), []
def use(function, text):
    start.wait()
    try:
        function(text)
    except Exception as error:
        failed.append(error)
calls = [(crs.label, "EPSG:32633"), (crs.key_of_wkt, "x[")] * 4
threads = [threading.Thread(target=use, args=call) for call in calls]
for each in threads: each.start()
for each in threads: each.join()
print(failed)
"""


def test_threads_that_need_a_package_first_at_the_same_time_all_get_it_whole() -> None:
    done = subprocess.run([sys.executable, "-c", SIMULTANEOUS], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
