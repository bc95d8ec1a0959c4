"""Mosaics of collections through the whole application: images of all kinds, missing and damaged ones, and too many."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import get_ident

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from iipserve import app, registry
from iipserve.collections.values import Item
from iipserve.engine.georeferencing import Georeferences
from iipserve.engine.image_items import read_item
from iipserve.engine.library import Library
from iipserve.exchange import Exchange, running
from iipserve.http import Response
from iipserve.image import ImageName
from iipserve.transport.answered import answered
from iipserve.transport.counters import Counters
from iipserve.transport.metrics import Metrics
from tests.geo_rasters import from_origin, rasterio, write_geotiff
from tests.published import NAME, NORTH, SIDE, STEP, WEST, Published, summer
from tests.test_app import ask, body, header, picture

MOSAIC = np.repeat([40, 120, 200], [64, 64, 128])


@pytest.fixture
def published(tmp_path: Path) -> Iterator[Published]:
    found = Published(tmp_path)
    yield found
    found.store.close()


def add(published: Published, names: Iterable[str], year: int) -> None:
    """Add files of the folder to the collection, all of one summer."""
    library = Library(published.config, registry.discover("iipserve.sources", "FORMAT"))
    located = Georeferences(published.config)
    read = [read_item(ImageName(name), library, located) for name in names]
    items: list[Item] = [
        replace(item, collection=NAME, datetime=summer(year), start=None, end=None) for item in read
    ]
    assert not any(result.error for result in published.store.add_items(NAME, items))


def map_address(x: int, y: int, width: int, height: int) -> str:
    """A map of the pixels of the first image from x, y on."""
    west, north = WEST + x * STEP, NORTH - y * STEP
    box = f"{west},{north - height * STEP},{west + width * STEP},{north}"
    return (
        f"/wms?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS={NAME}&STYLES=&CRS=EPSG:32633&BBOX={box}"
        f"&WIDTH={width}&HEIGHT={height}&FORMAT=image/png&TRANSPARENT=TRUE"
    )


WHOLE = map_address(0, 0, 2 * SIDE, SIDE)


def shown(response: Response) -> NDArray[np.uint8]:
    """Red, green, blue and opacity."""
    assert response.status == 200, response.body
    assert header(response, "Content-Type") == "image/png", response.body
    return np.asarray(picture(response).convert("RGBA"))


def row(response: Response) -> list[int]:
    """Gray, and 0 where a picture is clear, of the middle row."""
    pixels = shown(response)[SIDE // 2].astype(int)
    return np.where(pixels[:, 3] == 255, pixels[:, 0], 0).tolist()


# -- faults ----------------------------------------------------------------------------------------


def test_a_missing_image_leaves_its_hole_until_it_is_back(
    published: Published, caplog: pytest.LogCaptureFixture
) -> None:
    application, path = published.application(), published.images / "2016.tif"
    assert row(ask(application, WHOLE)) == MOSAIC.tolist()
    path.rename(path.with_suffix(".away"))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            response = ask(application, WHOLE)
            assert row(response) == np.repeat([40, 120, 0], [64, 128, 64]).tolist()
            assert "1 of 3 images cannot be read: 2016.tif" in (header(response, "Warning") or "")
            assert header(response, "Cache-Control") == "no-cache"
    assert sum("'2016.tif' leaves a hole" in line for line in caplog.messages) == 1
    path.with_suffix(".away").rename(path)
    response = ask(application, WHOLE)
    assert row(response) == MOSAIC.tolist()
    assert "Warning" not in dict(response.headers)


def test_one_missing_image_of_ten_is_counted_and_named(published: Published) -> None:
    published.store.delete_items(NAME, [f"{year}.tif" for year in (2014, 2015, 2016)])
    names = [f"part{index}.tif" for index in range(10)]
    for index, name in enumerate(names):
        place = from_origin(WEST + index * 20 * STEP, NORTH, STEP, STEP)
        write_geotiff(published.images / name, np.full((SIDE, 20), 20 + index, np.uint8), transform=place)
    add(published, names, 2020)
    (published.images / "part4.tif").unlink()
    application, counters = published.application(), Counters(1).own
    exchange = running[get_ident()] = Exchange()
    try:
        response = ask(application, map_address(0, 0, 200, SIDE))
    finally:
        del running[get_ident()]
    expected = np.repeat(20 + np.arange(10), 20)
    expected[80:100] = 0
    assert row(response) == expected.tolist()
    assert "1 of 10 images cannot be read: part4.tif" in (header(response, "Warning") or "")
    exchange.response = response
    Metrics(counters).add(answered(exchange, trusted=True, complete=True), exchange)
    assert dict(counters.series())["missing_images|wms"][0] == 1


def test_a_mosaic_of_which_every_image_is_missing_is_clear(published: Published) -> None:
    application = published.application()
    address = map_address(100, 0, 10, 10)
    assert shown(ask(application, address)).any()
    for path in published.images.iterdir():
        path.unlink()
    response = ask(application, address)
    assert not shown(response).any()
    assert "images cannot be read" in (header(response, "Warning") or "")


def damage(path: Path) -> None:
    """Overwrite the samples of a compressed file, and leave its structure."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        places = zip(file.pages[0].dataoffsets, file.pages[0].databytecounts, strict=True)  # type: ignore[union-attr]
    content = bytearray(path.read_bytes())
    for offset, count in places:
        content[offset : offset + count] = b"\xff" * count
    path.write_bytes(content)


def test_a_damaged_image_leaves_its_hole_and_no_cache_keeps_that(published: Published) -> None:
    pixels = np.full((SIDE, SIDE), 250, np.uint8)
    place = from_origin(WEST + SIDE * STEP // 2, NORTH, STEP, STEP)
    path = write_geotiff(
        published.images / "damaged.tif", pixels, transform=place, compress="deflate", tile=64
    )
    add(published, ["damaged.tif"], 2020)
    damage(path)
    response = ask(published.application(), WHOLE)
    assert row(response) == MOSAIC.tolist()
    assert "damaged.tif" in (header(response, "Warning") or "")
    assert header(response, "Cache-Control") == "no-cache"
    assert (header(response, "ETag") or "").endswith('-provisional"')


# -- images of all kinds ---------------------------------------------------------------------------


def add_compressed(published: Published, name: str, gray: int, year: int) -> Path:
    """An image at the place of the first one, added to the collection."""
    path, place = published.images / name, from_origin(WEST, NORTH, STEP, STEP)
    pixels = np.full((SIDE, SIDE), gray, np.uint8)
    write_geotiff(path, pixels, transform=place, tile=64, compress="deflate")
    add(published, [name], year)
    return path


def test_below_a_damaged_image_that_covers_a_whole_map_others_show(published: Published) -> None:
    application, address = published.application(), map_address(0, 0, 64, 128)
    for gray, year in ((60, 2018), (70, 2019)):
        path = add_compressed(published, f"{year}.tif", gray, year)
        assert row(ask(application, address)) == [gray] * 64
        damage(path)
    for _ in range(2):
        response = ask(application, address)
        assert row(response) == [40] * 64
        assert "2 of 4 images cannot be read: 2019.tif, 2018.tif" in (header(response, "Warning") or "")
        assert header(response, "Cache-Control") == "no-cache"


def test_a_map_of_one_damaged_image_is_clear(published: Published) -> None:
    application, address = published.application(), map_address(0, 0, 64, 128)
    path = add_compressed(published, "2018.tif", 60, 2018)
    published.store.delete_items(NAME, ["2014.tif", "2015.tif", "2016.tif"])
    assert row(ask(application, address)) == [60] * 64
    content = path.read_bytes()
    damage(path)
    response = ask(application, address)
    assert not shown(response).any()
    assert "1 of 1 images cannot be read: 2018.tif" in (header(response, "Warning") or "")
    path.write_bytes(content)
    assert row(ask(application, address)) == [60] * 64


@pytest.mark.parametrize("harm", [damage, Path.unlink], ids=["damaged", "missing"])
@pytest.mark.parametrize("resampled", [False, True], ids=["aligned", "warped"])
def test_maps_of_several_layers_do_without_a_damaged_collection(
    published: Published, harm: Callable[[Path], None], resampled: bool
) -> None:
    """A collection of one image, over the layer of another file."""
    path = add_compressed(published, "2018.tif", 60, 2018)
    published.store.delete_items(NAME, ["2014.tif", "2015.tif", "2016.tif"])
    application = published.application()
    address = map_address(0, 0, 64, 128).replace(f"LAYERS={NAME}&STYLES=", f"LAYERS=2014,{NAME}&STYLES=,")
    if resampled:
        address = address.replace("WIDTH=64&HEIGHT=128", "WIDTH=60&HEIGHT=130")
    assert set(row(ask(application, address))) == {60}
    harm(path)
    # one that has seen it before, and one that has not
    for worker in (application, application, published.application()):
        response = ask(worker, address)
        assert set(row(response)) == {40}
        assert "2018.tif" in (header(response, "Warning") or "")
        assert header(response, "Cache-Control") == "no-cache"


def test_a_collection_whose_images_cannot_be_read_is_a_layer_as_its_store_tells(published: Published) -> None:
    for path in published.images.iterdir():
        path.rename(path.with_suffix(".away"))
    application = published.application()
    assert not shown(ask(application, WHOLE)).any()
    document = body(
        ask(application, f"/wcs?SERVICE=WCS&VERSION=2.0.1&REQUEST=DescribeCoverage&COVERAGEID={NAME}")
    )
    for path in published.images.iterdir():
        path.rename(path.with_suffix(".tif"))
    whole = published.application()
    assert document == body(
        ask(whole, f"/wcs?SERVICE=WCS&VERSION=2.0.1&REQUEST=DescribeCoverage&COVERAGEID={NAME}")
    )
    assert row(ask(application, WHOLE)) == MOSAIC.tolist()


def test_gray_color_and_opacity_are_one_mosaic(published: Published) -> None:
    """An image of three bands, one of four and one of one."""
    random = np.random.default_rng(1)
    color, rgba = (random.integers(1, 255, (bands, 40, 40), np.uint8) for bands in (3, 4))
    rgba[3] = np.where(random.random((40, 40)) < 0.5, 255, 0)
    place = from_origin(WEST + 44 * STEP, NORTH - 30 * STEP, STEP, STEP)
    write_geotiff(published.images / "color.tif", color, transform=place, photometric="RGB")
    above = from_origin(WEST + 34 * STEP, NORTH - 30 * STEP, STEP, STEP)
    write_geotiff(published.images / "rgba.tif", rgba, transform=above, photometric="RGB", alpha=True)
    add(published, ["color.tif"], 2020)
    add(published, ["rgba.tif"], 2021)
    expected = np.full((SIDE, 2 * SIDE, 4), 255, np.uint8)
    expected[..., :3] = MOSAIC[None, :, None]
    expected[30:70, 44:84, :3] = np.moveaxis(color, 0, 2)
    over = np.moveaxis(rgba, 0, 2)
    expected[30:70, 34:74][over[..., 3] > 0] = over[over[..., 3] > 0]
    np.testing.assert_array_equal(shown(ask(published.application(), WHOLE)), expected)


def test_workers_give_the_same_bytes(published: Published) -> None:
    first, second = published.application(), published.application()
    address = map_address(-50, -10, 300, 150)
    assert body(ask(first, address)) == body(ask(second, address))
    assert header(ask(first, address), "ETag") == header(ask(second, address), "ETag")


def test_samples_of_images_with_different_missing_data_are_one_coverage(published: Published) -> None:
    random = np.random.default_rng(2)
    place = from_origin(WEST + 200 * STEP, NORTH - 30 * STEP, STEP, STEP)
    upper, lower = (random.choice([nodata, 100, 101], (80, 80)).astype(np.uint8) for nodata in (9, 7))
    write_geotiff(published.images / "lower.tif", lower, transform=place, nodata=7)
    write_geotiff(published.images / "upper.tif", upper, transform=place, nodata=9)
    add(published, ["lower.tif"], 2020)
    add(published, ["upper.tif"], 2021)
    grays = np.repeat(MOSAIC[None].astype(int), SIDE, axis=0)
    expected = np.full((SIDE, 280), -1)
    expected[:, : 2 * SIDE] = grays
    for pixels, nodata in ((lower, 7), (upper, 9)):
        part = expected[30:110, 200:280]
        part[pixels != nodata] = pixels[pixels != nodata]
    box = f"{WEST},{NORTH - SIDE * STEP},{WEST + 280 * STEP},{NORTH}"
    address = (
        f"/wcs?SERVICE=WCS&VERSION=1.0.0&REQUEST=GetCoverage&COVERAGE={NAME}&CRS=EPSG:32633&BBOX={box}"
        f"&WIDTH=280&HEIGHT={SIDE}&FORMAT=GTiff"
    )
    response = ask(published.application(), address)
    with rasterio.MemoryFile(body(response)) as memory, memory.open() as file:
        pixels = np.where(file.read(1) == file.nodata, -1, file.read(1).astype(int))
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("format", ["image/png", "image/jpeg"])
def test_holes_show_the_background(published: Published, format: str) -> None:
    address = map_address(-20, 0, 40, 20).replace("TRANSPARENT=TRUE", "TRANSPARENT=FALSE&BGCOLOR=0x00FF00")
    response = ask(published.application(), address.replace("image/png", format))
    pixels = np.asarray(picture(response).convert("RGB")).astype(int)
    assert np.abs(pixels[:, :16] - (0, 255, 0)).max() < 12
    assert np.abs(pixels[:, 24:] - 40).max() < 12


def test_large_mosaics_are_made_in_strips(published: Published) -> None:
    (published.images / "2015.tif").unlink()
    width, height = 2400, 2000
    address = WHOLE.replace(f"WIDTH={2 * SIDE}&HEIGHT={SIDE}", f"WIDTH={width}&HEIGHT={height}")
    response = ask(published.application(), address)
    pixels = shown(response)
    # the centers of pixels are in columns of the mosaic
    columns = np.repeat([40, 200], SIDE)[((np.arange(width) + 0.5) * 2 * SIDE / width).astype(int)]
    np.testing.assert_array_equal(pixels[..., 0], np.broadcast_to(columns, (height, width)))
    assert (pixels[..., 3] == 255).all()
    assert "2015.tif" in (header(response, "Warning") or "")


def test_too_large_mosaics_are_refused_before_they_are_made(published: Published) -> None:
    config = replace(published.config, max_render_memory=4)
    address = WHOLE.replace(f"WIDTH={2 * SIDE}&HEIGHT={SIDE}", "WIDTH=4000&HEIGHT=2000")
    response = ask(app.build(config), address.replace("image/png", "image/jpeg"))
    assert b"request a smaller one" in body(response)


def test_the_watermark_is_added_to_mosaics(tmp_path: Path, published: Published) -> None:
    plain = shown(ask(published.application(), WHOLE))
    mark = tmp_path / "mark.png"
    Image.new("RGBA", (64, 64), (255, 255, 255, 255)).save(mark)
    config = replace(published.config, watermark=str(mark), watermark_probability=1.0)
    marked = shown(ask(app.build(config), WHOLE))
    assert marked.shape == plain.shape
    assert (marked[..., :3] >= plain[..., :3]).all()
    assert (marked != plain).any()


# -- too many images -------------------------------------------------------------------------------

COUNT = 60
"""Images that a map needs."""
SPACING = 4
"""Pixels from one to the next."""


@pytest.fixture
def crowded(published: Published) -> Published:
    """A row of further images, of which each shows a few columns; later ones have larger pixels."""
    names = []
    for index in range(COUNT):
        pixels, step = np.full((SPACING, SPACING), 255 - index, np.uint8), STEP if index < 20 else 2 * STEP
        place = from_origin(WEST + SPACING * index * STEP, NORTH - 20 * STEP, step, step)
        names.append(f"{index:02}.tif")
        write_geotiff(published.images / names[-1], pixels, transform=place)
    add(published, names, 2020)
    return published


def test_of_too_many_images_the_coarsest_are_shown(crowded: Published) -> None:
    response = ask(crowded.application(), WHOLE)
    assert "50 images are shown" in (header(response, "Warning") or "")
    columns = shown(response)[23, :, 0]
    for index in range(20, COUNT):
        assert 255 - index in columns


def test_of_too_many_images_the_overview_is_shown(tmp_path: Path, crowded: Published) -> None:
    folder = crowded.images / "overviews"
    folder.mkdir()
    pixels = np.full((SIDE // 2, SIDE), 77, np.uint8)
    write_geotiff(folder / f"{NAME}.tif", pixels, transform=from_origin(WEST, NORTH, 2 * STEP, 2 * STEP))
    services = tmp_path / "services.toml"
    services.write_text(services.read_text() + f'overview_folder = "{folder}"\n')
    application = crowded.application()
    response = ask(application, WHOLE)
    assert np.unique(shown(response)[..., 0]).tolist() == [77]
    assert "cannot be read" not in (header(response, "Warning") or "")
    # few images are shown themselves
    few = ask(application, map_address(0, 18, 20, 10))
    assert 77 not in shown(few)[..., 0]
    # and so are many where its pixels are too large
    fine = WHOLE.replace(f"WIDTH={2 * SIDE}&HEIGHT={SIDE}", f"WIDTH={6 * SIDE}&HEIGHT={3 * SIDE}")
    assert "50 images are shown" in (header(ask(application, fine), "Warning") or "")


def test_a_header_says_that_an_overview_is_older_than_images(tmp_path: Path, crowded: Published) -> None:
    folder = crowded.images / "overviews"
    folder.mkdir()
    place = from_origin(WEST, NORTH, 2 * STEP, 2 * STEP)
    path = write_geotiff(folder / f"{NAME}.tif", np.full((SIDE // 2, SIDE), 77, np.uint8), transform=place)
    services = tmp_path / "services.toml"
    services.write_text(services.read_text() + f'overview_folder = "{folder}"\n')
    changed = max(item.updated for item in crowded.store.items(NAME) if item.updated)
    for seconds, is_older in ((-10, True), (10, False)):
        os.utime(path, (0, changed.timestamp() + seconds))
        response = ask(crowded.application(), WHOLE)
        assert np.unique(shown(response)[..., 0]).tolist() == [77]
        assert ("older than some of its images" in (header(response, "Warning") or "")) is is_older


def test_an_overview_stands_for_no_selection(tmp_path: Path, crowded: Published) -> None:
    folder = crowded.images / "overviews"
    folder.mkdir()
    pixels = np.full((SIDE // 2, SIDE), 77, np.uint8)
    write_geotiff(folder / f"{NAME}.tif", pixels, transform=from_origin(WEST, NORTH, 2 * STEP, 2 * STEP))
    services = tmp_path / "services.toml"
    services.write_text(services.read_text() + f'overview_folder = "{folder}"\n')
    response = ask(crowded.application(), f"{WHOLE}&TIME=2020-07-01")
    assert 77 not in shown(response)[..., 0]
