"""Where images are located: versions of files, threads, and damaged or hostile files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from iipserve.engine.files import ImageChanged
from iipserve.errors import ImageNotFound
from tests.engine.georeferences import Reader, geo_fields, placed
from tests.geo_rasters import KINDS, positions, write_geotiff


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


# -- versions, and hostile files -------------------------------------------------------------------


def test_a_replaced_file_is_not_confused_with_the_old_one(tmp_path: Path, read: Reader) -> None:
    KINDS["utm"](tmp_path)
    old = read.library.info("utm.tif")
    write_geotiff(tmp_path / "new.tif", positions(), crs="EPSG:32634")
    (tmp_path / "new.tif").rename(tmp_path / "utm.tif")
    with pytest.raises(ImageChanged):
        read.georeferences(old)
    assert placed(read("utm.tif")).georeference.crs == "EPSG:32634"
    gone = read.library.info("utm.tif")
    (tmp_path / "utm.tif").unlink()
    assert read.georeferences(gone) is not None, (
        "remembered by version; the library proves that it is current"
    )
    with pytest.raises(ImageNotFound):
        Reader(tmp_path).georeferences(gone)


def test_each_version_is_read_once(tmp_path: Path, read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    KINDS["utm"](tmp_path)
    first = read("utm.tif")
    monkeypatch.setattr("iipserve.engine.georeferencing._read_file", _never)
    assert read("utm.tif") is first


def test_threads_and_processes_read_at_once(tmp_path: Path) -> None:
    """GDAL's and PROJ's objects are never shared: images of different systems, read by a fork, then by threads.

    In an interpreter of its own: the fork of one in which another thread is inside GDAL, if only to end, may wait for
    ever for a lock of that thread.
    """
    kinds = ["utm", "wgs84", "polar", "sinusoidal", "curved_gcps", "rpcs", "feet", "scaled"]
    names = [KINDS[kind](tmp_path).name for kind in kinds]
    subprocess.run([sys.executable, "-c", READ_AT_ONCE, tmp_path, *names], check=True, timeout=300)


READ_AT_ONCE = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tests.engine.georeferences import Reader

folder, names = Path(sys.argv[1]), sys.argv[2:]
expected = [Reader(folder)(name) for name in names]

def read_all(shift):
    order = [*range(shift, len(names)), *range(shift)] * 3
    return all(Reader(folder)(names[index]) == expected[index] for index in order)

child = os.fork()
if not child:
    os._exit(0 if read_all(0) else 1)
assert os.waitpid(child, 0)[1] == 0
with ThreadPoolExecutor(8) as pool:
    assert all(pool.map(read_all, range(8)))
"""
"""Arguments: folder, and names of images in it."""


def _never(*args: object) -> None:
    raise AssertionError


FIELDS: dict[str, tuple[int, str, Callable[[], list[float]]]] = {
    "no scale": (33550, "d", lambda: [0.0, 0.0, 0.0]),
    "nan": (33550, "d", lambda: [float("nan")] * 3),
    "infinite tie point": (33922, "d", lambda: [0, 0, 0, float("inf"), 0, 0]),
    "singular": (34264, "d", lambda: [1, 1, 0, 5, 1, 1, 0, 5, *[0] * 7, 1]),
    "huge": (34264, "d", lambda: [1e308, 0, 0, 1e308, 0, -1e308, 0, 1e308, *[0] * 7, 1]),
    "tiny": (34264, "d", lambda: [1e-308, 0, 0, 0, 0, -1e-308, 0, 0, *[0] * 7, 1]),
    "short": (34264, "d", lambda: [1.0, 2.0]),
    "keys that lead out": (34735, "H", lambda: [1, 1, 0, 100, 3072, 34737, 60000, 60000]),
    "keys that are none": (34735, "H", lambda: [65535] * 40),
    "unknown code": (34735, "H", lambda: [1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 65000]),
    "many points": (33922, "d", lambda: [float(n % 7) for n in range(6 * 5000)]),
}  # fmt: skip


@pytest.mark.parametrize("damage", FIELDS)
def test_damaged_fields_place_nothing(damage: str, tmp_path: Path, read: Reader) -> None:
    tag, code, values = FIELDS[damage]
    kept = {field[0]: field for field in geo_fields(KINDS["utm"](tmp_path))}
    if tag != 34735 and damage != "no scale":
        kept = {34735: kept[34735]}
    numbers = values()
    kept[tag] = (tag, 12 if code == "d" else 3, len(numbers), tuple(numbers), True)
    tifffile.imwrite(
        tmp_path / "damaged.tif", np.zeros((80, 120), np.uint8), extratags=list(kept.values()), metadata=None
    )
    assert read("damaged.tif") is None


@pytest.mark.parametrize("name", ["GDAL_METADATA", "geo keys"])
@pytest.mark.parametrize("seed", range(20))
def test_random_fields_do_no_harm(name: str, seed: int, tmp_path: Path, read: Reader) -> None:
    random = np.random.default_rng(seed)
    content = random.integers(0, 256, 500).astype(np.uint8).tobytes()
    tag = (
        (42112, 2, 500, content, True)
        if name == "GDAL_METADATA"
        else (34735, 3, 250, np.frombuffer(content, "H").tolist(), True)
    )
    place = (34264, 12, 16, (20, 0, 0, 5, 0, -20, 0, 5, *[0] * 7, 1), True)
    tifffile.imwrite(
        tmp_path / "random.tif", np.zeros((80, 120), np.uint8), extratags=[tag, place], metadata=None
    )
    found = read("random.tif")
    assert found is None or found.georeference.mapping is not None


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<",
        b"<a/>",
        b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
        b"\0" * 50,
        b"<!DOCTYPE a [<!ENTITY b 'bbbbbbbbbb'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>]><RectifiedGrid><pos>&c;</pos></RectifiedGrid>",
        b"<RectifiedGrid><pos>1 x</pos><offsetVector>1 0</offsetVector><offsetVector>0 1</offsetVector></RectifiedGrid>",
        b"<RectifiedGrid srsName='/etc/passwd'><pos>1 2</pos><offsetVector>1 0</offsetVector><offsetVector>0 1</offsetVector></RectifiedGrid>",
        b"<RectifiedGrid srsName='EPSG:4326'><pos>1 2</pos><offsetVector>1 0</offsetVector></RectifiedGrid>",
        b"<a>" * 5000,
    ],
)
def test_damaged_gml_places_nothing(document: bytes) -> None:
    from iipserve.geo.gmljp2 import read_gml

    found = read_gml(document)
    assert found.crs is None or found.mapping is None
