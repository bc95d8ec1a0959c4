"""Addresses as clients spell them, over the whole application."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from iipserve import __version__, app
from iipserve.config import Config
from tests.images import smooth, write_tiff_pyramid
from tests.test_app import SIZE, ask, body, header, picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tiff_pyramid(tmp_path / "a.tif", smooth(SIZE), compression="jpeg")
    return tmp_path


@pytest.fixture
def application(folder: Path) -> app.Application:
    return app.build(Config(filesystem_prefix=f"{folder}/"))


SAME_PROCESSED_TILE = [
    pytest.param("/i.fcgi?GAM=2&INV&IIIF=a.tif/0,0,256,256/256,256/0/default.jpg", id="iiif"),
    pytest.param("/i.fcgi?inv&GAM=2.0&DeepZoom=a.tif_files/10/0_0.jpg", id="deepzoom, other order"),
    pytest.param("/i.fcgi?GAM=1&GAM=2&INV&Zoomify=a.tif/TileGroup0/2-0-0.jpg", id="zoomify, the last counts"),
    pytest.param("/i.fcgi?_=17&DeepZoom=a.tif_files/10/0_0.JPG&GAM=2&INV&t=17", id="after the parameter"),
]


@pytest.mark.parametrize("address", SAME_PROCESSED_TILE)
def test_modifiers_stand_beside_every_protocol(application: app.Application, address: str) -> None:
    first = ask(application, "/i.fcgi?FIF=a.tif&GAM=2&INV&JTL=2,0")
    response = ask(application, address)
    assert picture(response).size == (256, 256)
    assert (header(response, "ETag"), body(response)) == (header(first, "ETag"), body(first))
    assert body(response) != body(ask(application, "/iip?FIF=a.tif&JTL=2,0"))


def test_address_in_info_json_keeps_the_modifiers(application: app.Application) -> None:
    """So that a viewer asks for processed tiles."""
    info = json.loads(body(ask(application, "/i.fcgi?GAM=2&INV&IIIF=a.tif/info.json")))
    assert info["id"] == "http://images.example.org/i.fcgi?GAM=2&INV&IIIF=a.tif"


@pytest.mark.parametrize(
    "address", ["/i.fcgi?JTL=0,0&IIIF=a.tif/info.json", "/i.fcgi?DeepZoom=a.tif.dzi&CVT=jpeg"]
)
def test_two_outputs_are_refused(application: app.Application, address: str) -> None:
    assert ask(application, address).status == 400


@pytest.mark.parametrize(
    "path", ["/", "/iip", "/iip/", "/fcgi-bin/iipsrv.fcgi", "/iipsrv/iipsrv.fcgi?", "/images.FCGI", "/iipsrv"]
)
def test_a_bare_address_names_the_server(application: app.Application, path: str) -> None:
    response = ask(application, path)
    assert (response.status, body(response)) == (200, f"iipserve {__version__}, an image server\n".encode())
    assert header(response, "Content-Type").startswith("text/plain")


def test_the_gallery_takes_the_place_of_that_line(folder: Path) -> None:
    assert b"<html" in body(ask(app.build(Config(filesystem_prefix=f"{folder}/", viewer=True)), "/"))


BY_NAME = [
    "/i.fcgi?FIF={name}&JTL=1,0", "/i.fcgi?FIF={name}&OBJ=Max-size", "/i.fcgi?IIIF={name}/info.json",
    "/iiif/2/{name}/full/100,/0/default.jpg", "/deepzoom/{name}.dzi", "/deepzoom/{name}_files/9/0_0.jpg",
    "/zoomify/{name}/TileGroup0/1-0-0.jpg",
]  # fmt: skip


@pytest.mark.parametrize("name", ["b+c.tif", "b%2520c.tif", "./b%20c.tif", "b%2bc.tif"])
@pytest.mark.parametrize("address", BY_NAME)
def test_spellings_of_a_name_share_one_image(
    application: app.Application, folder: Path, address: str, name: str
) -> None:
    shutil.copy(folder / "a.tif", folder / "b c.tif")
    plain = ask(application, address.format(name="b%20c.tif"))
    assert plain.status == 200
    for _ in range(2):
        response = ask(application, address.format(name=name))
        assert response.status == 200
        if "info.json" not in address:  # which has the id as it was asked for
            assert (header(response, "ETag"), body(response)) == (header(plain, "ETag"), body(plain))


@pytest.mark.parametrize("address", BY_NAME)
def test_a_file_of_the_very_name_comes_first(
    application: app.Application, folder: Path, address: str
) -> None:
    write_tiff_pyramid(folder / "b c.tif", smooth((520, 300)), compression="jpeg")
    asked = address.format(name="b+c.tif")
    spaced = body(ask(application, asked))
    assert body(ask(application, asked)) == spaced
    shutil.copy(folder / "a.tif", folder / "b+c.tif")
    assert body(ask(application, asked)) != spaced
    os.remove(folder / "b+c.tif")
    assert body(ask(application, asked)) == spaced
    os.remove(folder / "b c.tif")
    assert ask(application, asked).status == 404


@pytest.mark.parametrize(
    "name", ["%252e%252e%252fsecret.tif", "..+/../secret.tif", "+../secret.tif", "%252fsecret.tif"]
)
@pytest.mark.parametrize("address", BY_NAME)
def test_no_spelling_leads_outside(tmp_path: Path, address: str, name: str) -> None:
    (tmp_path / "images").mkdir()
    write_tiff_pyramid(tmp_path / "secret.tif", smooth((40, 30)))
    inside = app.build(Config(filesystem_prefix=f"{tmp_path}/images/"))
    assert ask(inside, address.format(name=name)).status in (400, 404)
