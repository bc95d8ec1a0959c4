"""The whole application without sockets: routing, HTTP rules, errors, files that change."""

from __future__ import annotations

import gc
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iipserve import app
from iipserve.config import Config
from iipserve.engine.renderer import Renderer
from iipserve.errors import ConfigError
from iipserve.http import Request, Response
from iipserve.image import Selector
from iipserve.plan import RenderPlan
from tests.images import smooth, write_tiff_pyramid

SIZE = (600, 500)
Ask = Callable[..., Response]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images = tmp_path_factory.mktemp("images")
    (images / "sub folder").mkdir()
    write_tiff_pyramid(images / "a.tif", smooth(SIZE), compression="jpeg")
    write_tiff_pyramid(images / "sub folder" / "ü%.tif", smooth(SIZE), compression="zlib")
    return images


@pytest.fixture(scope="module")
def application(folder: Path) -> app.Application:
    return app.build(
        Config(
            filesystem_prefix=f"{folder}/", uri_map=(("books/old", "iiif"), ("z", "deepzoom"), ("p", "iip"))
        )
    )


def ask(application: app.Application, address: str, method: str = "GET", **headers: str) -> Response:
    environ = {"REQUEST_METHOD": method, "REQUEST_URI": address, "HTTP_HOST": "images.example.org"}
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return application.handle(Request.from_environ(environ))


def body(response: Response) -> bytes:
    assert isinstance(response.body, bytes)
    return response.body


def header(response: Response, name: str) -> str | None:
    return dict(response.headers).get(name)


def picture(response: Response) -> Image.Image:
    assert response.status == 200, response.body
    return Image.open(io.BytesIO(body(response)))


def test_samples_and_measurements_are_answered(application: app.Application) -> None:
    profile = ask(application, "/iip?FIF=sub%20folder/%C3%BC%25.tif&PFL=2:0,0-3,0")
    assert json.loads(body(profile))["profile"] == smooth(SIZE)[0, :3].ravel().tolist()
    found = json.loads(body(ask(application, "/iip?FIF=sub%20folder/%C3%BC%25.tif&OBJ=statistics")))
    assert [band["maximum"] for band in found["bands"]] == smooth(SIZE).max(axis=(0, 1)).tolist()


@pytest.mark.parametrize(
    "address",
    [
        "/iip?FIF=a.tif&PTL=2,1",
        "/iip?FIF=a.tif&WID=900&CVT=png",
        "/iiif/a.tif/full/max/0/default.png",
        "/deepzoom/a.tif_files/10/0_0.png",
        "/zoomify/a.tif/TileGroup0/2-0-0.png",
    ],
)
def test_no_way_around_the_watermark(
    application: app.Application, folder: Path, tmp_path: Path, address: str
) -> None:
    mark = tmp_path / "mark.png"
    Image.new("RGB", (2000, 2000), (30, 30, 30)).save(mark)
    marked = app.build(Config(filesystem_prefix=f"{folder}/", watermark=str(mark)))
    plain, covered = ask(application, address), ask(marked, address)
    assert header(plain, "ETag") != header(covered, "ETag")
    brighter = np.minimum(np.asarray(picture(plain)).astype(int) + 30, 255)
    np.testing.assert_array_equal(np.asarray(picture(covered)), brighter)


def test_no_start_with_a_watermark_that_cannot_be_read(folder: Path) -> None:
    with pytest.raises(ConfigError, match="WATERMARK"):
        app.build(Config(filesystem_prefix=f"{folder}/", watermark=str(folder / "missing.tif")))


SAME_TILE = [
    pytest.param("/iipsrv.fcgi?FIF=a.tif&JTL=2,0", id="iip"),
    pytest.param("/iip?FIF=a.tif&JTL=2,0", id="iip by its path"),
    pytest.param("/p/a.tif&JTL=2,0", id="iip mapped"),
    pytest.param("/deepzoom/a.tif_files/10/0_0.jpg", id="deepzoom"),
    pytest.param("/iipsrv.fcgi?DeepZoom=a.tif_files/10/0_0.jpg", id="deepzoom in a query"),
    pytest.param("/z/a.tif_files/10/0_0.jpg", id="deepzoom mapped"),
    pytest.param("/zoomify/a.tif/TileGroup0/2-0-0.jpg", id="zoomify"),
    pytest.param("/iipsrv.fcgi?zoomify=a.tif/TileGroup0/2-0-0.jpg", id="zoomify in a query"),
    pytest.param("/iiif/3/a.tif/0,0,256,256/256,256/0/default.jpg", id="iiif 3"),
    pytest.param("/iiif/2/a.tif/0,0,256,256/256,/0/default.jpg", id="iiif 2"),
    pytest.param("/iiif/a.tif/0,0,256,256/max/0/default.jpg", id="iiif unversioned"),
    pytest.param("/iipsrv.fcgi?IIIF=a.tif/0,0,256,256/256,256/0/default.jpg", id="iiif in a query"),
    pytest.param("/books/old/a.tif/0,0,256,256/256,256/0/default.jpg", id="iiif mapped"),
    pytest.param("/books/old/2/a.tif/0,0,256,256/256,/0/default.jpg", id="iiif 2 mapped"),
    pytest.param("/books/old/3/a.tif/0,0,256,256/256,256/0/default.jpg", id="iiif 3 mapped"),
    pytest.param("/iiif/3/a.tif/0,0,256,256/256,256/0/default.jpg?x=1", id="needless query"),
]


@pytest.mark.parametrize("address", SAME_TILE)
def test_every_way_to_a_tile_gives_the_same_bytes(application: app.Application, address: str) -> None:
    first = ask(application, "/iiif/3/a.tif/0,0,256,256/256,256/0/default.jpg")
    response = ask(application, address)
    assert picture(response).size == (256, 256)
    assert header(response, "ETag") == header(first, "ETag")
    assert body(response) == body(first)


def test_export_shows_the_picture(application: app.Application) -> None:
    shown = np.asarray(picture(ask(application, "/iip?FIF=a.tif&WID=300&CVT=png")))
    expected = np.asarray(Image.fromarray(smooth(SIZE)).resize((300, 250), Image.Resampling.BOX))
    assert np.abs(shown.astype(int) - expected).mean() < 2


def test_identifier_with_everything(application: app.Application) -> None:
    address = "/iiif/3/sub%20folder%2F%C3%BC%25.tif"
    info = json.loads(body(ask(application, f"{address}/info.json")))
    assert info["id"] == f"http://images.example.org{address}"
    assert picture(ask(application, f"{address}/full/max/0/default.png")).size == SIZE
    assert picture(ask(application, "/iip?FIF=sub+folder/%C3%BC%25.tif&WID=60&CVT=jpeg")).size == (60, 50)


@pytest.mark.parametrize(
    "address", ["/iip?FIF=a.tif&JTL=2,0", "/iiif/3/a.tif/info.json", "/deepzoom/a.tif.dzi"]
)
def test_head_is_get_without_its_body(application: app.Application, address: str) -> None:
    get, head = ask(application, address), ask(application, address, "HEAD")
    assert (head.status, head.headers) == (get.status, get.headers)
    assert head.body == b""
    assert header(get, "Content-Length") == str(len(body(get)))


@pytest.mark.parametrize(
    "address", ["/iip?FIF=a.tif&JTL=2,0", "/iiif/3/a.tif/info.json", "/iip?FIF=a.tif&OBJ=Max-size"]
)
def test_conditional_requests(application: app.Application, address: str) -> None:
    full = ask(application, address)
    etag, modified = header(full, "ETag"), header(full, "Last-Modified")
    assert etag
    assert modified
    for unchanged in (
        ask(application, address, if_none_match=etag),
        ask(application, address, if_modified_since=modified),
    ):
        assert (unchanged.status, unchanged.body) == (304, b"")
        assert header(unchanged, "ETag") == etag
        assert header(unchanged, "Access-Control-Allow-Origin") == "*"
    assert ask(application, address, if_none_match='"other"').status == 200


@pytest.mark.parametrize("address", SAME_TILE)
def test_image_depends_on_its_address_alone(folder: Path, address: str) -> None:
    """Plans are remembered by address: nothing else a client sends may change one."""
    asked = {
        "accept": "image/webp,*/*;q=0.1", "accept_language": "la", "user_agent": "x", "cookie": "a=b", "range": "bytes=0-9",
        "referer": "https://elsewhere.example.org/", "origin": "https://elsewhere.example.org", "authorization": "Basic eA==",
    }  # fmt: skip
    maps = (("books/old", "iiif"), ("z", "deepzoom"), ("p", "iip"))
    config = Config(filesystem_prefix=f"{folder}/", uri_map=maps)
    plain, dressed = ask(app.build(config), address), ask(app.build(config), address, **asked)
    assert plain.status == 200
    assert (plain.status, plain.headers, plain.body) == (dressed.status, dressed.headers, dressed.body)


@pytest.mark.parametrize("address", SAME_TILE)
def test_second_answer_is_the_first(application: app.Application, address: str) -> None:
    application.clear()
    first, second = ask(application, address), ask(application, address)
    assert first.status == 200
    assert (first.headers, first.body) == (second.headers, second.body)


def test_public_address_is_the_clients_own_every_time(application: app.Application) -> None:
    address = "/iiif/3/a.tif/0,0,256,256/256,256/0/default.jpg"
    for host in ("one.example.org", "two.example.org", "one.example.org"):
        link = header(ask(application, address, host=host), "Link")
        assert link
        assert f"<http://{host}/iiif/3/a.tif/" in link
    link = header(ask(application, address, host="one.example.org", x_forwarded_proto="https"), "Link")
    assert link
    assert "<https://one.example.org/" in link


def test_negotiated_format_is_each_clients_own(application: app.Application) -> None:
    """Image API 1.1 section 4.5."""
    address = "/iiif/1/a.tif/full/100,/0/native"
    for accept, media_type in (
        ("image/png", "image/png"),
        (None, "image/jpeg"),
        ("image/webp", "image/webp"),
    ):
        response = ask(application, address, **({"accept": accept} if accept else {}))
        assert header(response, "Content-Type") == media_type
        assert "Accept" in (header(response, "Vary") or "").split(", ")


def test_long_addresses_are_answered_but_not_remembered(application: app.Application) -> None:
    address = "/iiif/3/a.tif/0,0,256,256/256,256/0/default.jpg"
    application.clear()
    for number in range(20):
        assert ask(application, f"{address}?{number}{'x' * 4000}").status == 200
        assert ask(application, address, x_forwarded_prefix=f"/{number}{'x' * 900}").status == 200
    assert application._answers.bytes == 0
    assert ask(application, address, x_forwarded_prefix="/" + "x" * 5000).status == 400


def test_remembered_plans_keep_no_headers(folder: Path) -> None:
    application = app.build(
        Config(filesystem_prefix=f"{folder}/", max_metadata_cache_size=1, max_open_images=1)
    )
    assert ask(application, "/iip?FIF=a.tif&JTL=2,0").status == 200
    (known,) = (entry.value for entry in application._answers._cache._entries.values())
    assert known.images[0][1]() is not None
    assert ask(application, "/iip?FIF=sub+folder/%C3%BC%25.tif&JTL=2,0").status == 200
    gc.collect()
    assert known.images[0][1]() is None
    assert ask(application, "/iip?FIF=a.tif&JTL=2,0").status == 200


def test_without_remembered_headers_a_file_is_opened_once_a_request(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = app.build(Config(filesystem_prefix=f"{folder}/", max_metadata_cache_size=0))
    opened: list[str] = []
    real_open = application._library._open

    def counted(identifier: str, selector: Selector) -> object:
        opened.append(identifier)
        return real_open(identifier, selector)

    monkeypatch.setattr(application._library, "_open", counted)
    for _ in range(3):
        assert ask(application, "/iip?FIF=a.tif&JTL=2,0").status == 200
    assert len(opened) == 3


def test_address_asked_for_before_of_a_file_that_has_gone(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_tiff_pyramid(path, smooth(SIZE), compression="zlib")
    application = app.build(Config(filesystem_prefix=f"{tmp_path}/"))
    assert ask(application, "/iip?FIF=a.tif&PTL=2,0").status == 200
    path.unlink()
    assert ask(application, "/iip?FIF=a.tif&PTL=2,0").status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "X"])
def test_other_methods(application: app.Application, method: str) -> None:
    response = ask(application, "/iip?FIF=a.tif&JTL=2,0", method)
    assert response.status == 405
    assert header(response, "Allow") == "GET, HEAD, OPTIONS"


def test_preflight(application: app.Application) -> None:
    response = ask(application, "/iiif/3/a.tif/info.json", "OPTIONS", origin="https://viewer.example.org")
    assert (response.status, response.body) == (204, b"")
    assert header(response, "Access-Control-Allow-Methods") == "GET, HEAD, OPTIONS"
    assert header(response, "Access-Control-Max-Age") == "86400"


ERRORS = [
    ("/nothing", 404), ("/?x", 400), ("/favicon.ico", 404), ("/iiif/", 404), ("/iiif/3/", 400), ("/iiif/3/none.tif/info.json", 404),
    ("/deepzoom/none.tif.dzi", 404), ("/zoomify/none.tif/ImageProperties.xml", 404), ("/iip?FIF=none.tif&JTL=0,0", 404),
    ("/iip?FIF=a.tif&JTL=99,0", 404), ("/iip?FIF=a.tif&JTL=0,99", 404), ("/iip?FOO=1", 400), ("/iip?x", 400),
    ("/deepzoom/a.tif_files/99/0_0.jpg", 404), ("/deepzoom/a.tif_files/10/9_0.jpg", 404), ("/deepzoom/a.tif", 400),
    ("/zoomify/a.tif/TileGroup0/9-0-0.jpg", 404), ("/iiif/3/a.tif/full/9000,/0/default.jpg", 400),
    ("/iiif/3/a.tif/full/max/0/default.xyz", 400), ("/iiif/3/a.tif/nonsense/max/0/default.jpg", 400),
    ("/iip?FIF=../a.tif&JTL=0,0", 400), ("/iiif/3/..%2Fa.tif/info.json", 400), ("/" + "x" * 9000, 414),
]  # fmt: skip


@pytest.mark.parametrize(("address", "status"), ERRORS, ids=[address[:60] for address, _ in ERRORS])
def test_error(application: app.Application, folder: Path, address: str, status: int) -> None:
    response = ask(application, address)
    assert response.status == status
    assert header(response, "Access-Control-Allow-Origin") == "*"
    assert header(response, "Cache-Control") == "no-store"
    assert header(response, "Content-Length") == str(len(body(response)))
    text = body(response).decode()
    assert text.strip()
    assert str(folder) not in text
    assert "Traceback" not in text


def test_no_cross_origin_headers_when_turned_off(folder: Path) -> None:
    response = ask(app.build(Config(filesystem_prefix=f"{folder}/", cors="")), "/iip?FIF=a.tif&JTL=2,0")
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


def test_mistake_in_the_code_is_told_without_detail(
    application: app.Application, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(identifier: str, selector: Selector) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(application._library, "unproved_info", fail)
    response = ask(application, "/iip?FIF=a.tif&JTL=2,0")
    assert response.status == 500
    assert b"secret" not in body(response)
    assert "ZeroDivisionError" in caplog.text


def test_unknown_protocol_in_uri_map() -> None:
    with pytest.raises(ConfigError, match="flashpix"):
        app.build(Config(uri_map=(("x", "flashpix"),)))


def test_members_for_info_json_that_are_none() -> None:
    with pytest.raises(ConfigError, match="IIIF_EXTRA_INFO"):
        app.build(Config(iiif_extra_info='"attribution": '))


def test_mapped_prefix_ends_at_a_slash(application: app.Application) -> None:
    assert ask(application, "/zx/a.tif.dzi").status == 404


def test_replaced_file_shows_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_tiff_pyramid(path, smooth(SIZE), compression="zlib")
    application = app.build(Config(filesystem_prefix=f"{tmp_path}/"))
    before = ask(application, "/iip?FIF=a.tif&PTL=2,0")
    write_tiff_pyramid(tmp_path / "b.tif", np.ascontiguousarray(smooth(SIZE)[:, ::-1]), compression="zlib")
    os.replace(tmp_path / "b.tif", path)
    after = ask(application, "/iip?FIF=a.tif&PTL=2,0")
    assert body(before) != body(after)
    assert header(before, "ETag") != header(after, "ETag")
    shown = np.asarray(picture(after))
    np.testing.assert_array_equal(shown, smooth(SIZE)[:256, ::-1][:, :256])


def test_file_replaced_between_plan_and_rendering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    write_tiff_pyramid(path, smooth(SIZE), compression="zlib")
    write_tiff_pyramid(tmp_path / "b.tif", np.ascontiguousarray(smooth(SIZE)[:, ::-1]), compression="zlib")
    application = app.build(Config(filesystem_prefix=f"{tmp_path}/"))
    render = Renderer.render

    def replace_first(renderer: Renderer, plan: RenderPlan) -> object:
        if (tmp_path / "b.tif").exists():
            os.replace(tmp_path / "b.tif", path)
            application._library.clear()
        return render(renderer, plan)

    monkeypatch.setattr(Renderer, "render", replace_first)
    shown = np.asarray(picture(ask(application, "/iip?FIF=a.tif&PTL=2,0")))
    np.testing.assert_array_equal(shown, smooth(SIZE)[:256, ::-1][:, :256])


def test_caches_can_be_dropped(application: app.Application) -> None:
    before = ask(application, "/iip?FIF=a.tif&JTL=1,0")
    application.clear()
    assert body(ask(application, "/iip?FIF=a.tif&JTL=1,0")) == body(before)
