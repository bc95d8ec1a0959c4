"""Who may what over HTTP: every resource and method, with and without the settings and tokens; no way around."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from iipserve import app
from iipserve.collections.store import open_store
from iipserve.config import Config
from iipserve.http import Request, Response
from tests.geo_rasters import KINDS
from tests.protocols.stac.services import ROOT, ask
from tests.protocols.stac.test_changes import TOKEN, feature
from tests.test_app import header

HERE = {
    "wsgi.url_scheme": "http", "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1:8080", "SERVER_PROTOCOL": "HTTP/1.1",
}  # fmt: skip
"""A client on the host of the server, over HTTP."""
PROXIED = HERE | {"HTTP_X_FORWARDED_FOR": "192.0.2.7"}
ELSEWHERE = HERE | {"REMOTE_ADDR": "192.0.2.7", "HTTP_HOST": "maps.example.org"}
WEB_SERVER = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "127.0.0.1", "SERVER_PROTOCOL": "HTTP/1.1"}
"""A client of a web server, over FastCGI."""
HOLDER = ELSEWHERE | {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}
IMPOSTOR = HERE | {"HTTP_AUTHORIZATION": "Bearer guessed"}
OFF, LOCAL, TOKENS = (), ("editable = true",), ("editable = true", 'tokens = "tokens"')

CHANGES: list[tuple[str, str, Any]] = [
    ("POST", "collections", {"id": "new"}),
    ("PUT", "collections/c", {"title": "changed"}),
    ("PATCH", "collections/c", {"title": "changed"}),
    ("POST", "collections/c/items", feature("new")),
    ("POST", "collections/c/items", {"href": "utm.tif", "id": "new"}),
    ("POST", "collections/c/items.json", {"type": "FeatureCollection", "features": [feature("new")]}),
    ("PUT", "collections/c/items/utm.tif", feature("utm.tif")),
    ("PATCH", "collections/c/items/utm.tif", {"properties": {"title": "changed"}}),
    ("PUT", "collections/c/items/up.tif/assets/image", b"II*\0"),
    ("POST", "collections/c/jobs", {"kind": "watch", "href": "none"}),
    ("POST", "collections/c/jobs", {"kind": "check"}),
    ("DELETE", "collections/c/jobs/none", None),
    ("DELETE", "collections/c/items/utm.tif", None),
    ("DELETE", "collections/c/items/utm.tif.json", None),
    ("DELETE", "collections/c", None),
]


class Service:
    """A service with a collection of one image."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        KINDS["utm"](folder)
        (folder / "tokens").write_text(f"{hashlib.sha256(TOKEN.encode()).hexdigest()} survey\n")
        filled = self.application(*TOKENS)
        for path, body in (("collections", {"id": "c"}), ("collections/c/items", {"href": "utm.tif"})):
            assert ask(filled, f"{ROOT}{path}", "POST", body, **HOLDER).status == 201
        self.before = self.state()

    def application(self, *lines: str, **settings: Any) -> app.Application:
        """The server with these keys of `[collections]`."""
        path = self.folder / "service.toml"
        path.write_text(
            "\n".join(("[collections]", 'store = "c.sqlite"', f'upload_folder = "{self.folder}/up"', *lines))
        )
        return app.build(Config(filesystem_prefix=f"{self.folder}/", services=str(path), **settings))

    def state(self) -> Any:
        """Everything in the store, and the uploaded files."""
        opened = open_store(str(self.folder / "c.sqlite"))
        found = [(each, list(opened.items(each.name))) for each in opened.collections()]
        opened.close()
        return found, sorted((self.folder / "up").rglob("*"))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return Service(tmp_path_factory.mktemp("service"))


@pytest.mark.parametrize(
    ("lines", "client", "status"),
    [
        pytest.param(OFF, HERE, 403, id="off, here"),
        pytest.param(OFF, HOLDER, 403, id="off, with a token"),
        pytest.param((*OFF, 'tokens = "tokens"'), HOLDER, 403, id="off although there are tokens"),
        pytest.param(LOCAL, ELSEWHERE, 403, id="local, elsewhere"),
        pytest.param(LOCAL, HOLDER, 403, id="local, elsewhere with a token"),
        pytest.param(LOCAL, PROXIED, 403, id="local, through a proxy"),
        pytest.param(LOCAL, WEB_SERVER, 403, id="local, through a web server"),
        pytest.param(LOCAL, HERE | {"HTTP_ORIGIN": "https://example.org"}, 403, id="local, for a page of another site"),
        pytest.param(LOCAL, HERE | {"HTTP_HOST": "rebound.example"}, 403, id="local, by another name"),
        pytest.param(TOKENS, HERE, 401, id="tokens, here without one"),
        pytest.param(TOKENS, IMPOSTOR, 401, id="tokens, a wrong one"),
        pytest.param(TOKENS, ELSEWHERE, 401, id="tokens, elsewhere without one"),
    ],
)  # fmt: skip
def test_nobody_else_changes_anything(
    service: Service, lines: tuple[str, ...], client: dict[str, str], status: int
) -> None:
    server = service.application(*lines)
    for method, path, body in CHANGES:
        for root in (ROOT, ROOT.removesuffix("stac/")):
            response = ask(server, f"{root}{path}", method, body, **client)
            assert response.status == status, (method, path)
            challenge = header(response, "WWW-Authenticate")
            assert challenge == ('Bearer realm="iipserve"' if status == 401 else None)
    assert service.state() == service.before


def test_no_way_around(service: Service) -> None:
    """Methods in headers and parameters, paths in other spellings, tokens in the wrong place."""
    server = service.application(*TOKENS)
    item = "collections/c/items/utm.tif"
    attempts: list[tuple[str, str, Any, dict[str, str]]] = [
        ("GET", item, None, {"HTTP_X_HTTP_METHOD_OVERRIDE": "DELETE"}),
        ("POST", "search", {"limit": 1}, {"HTTP_X_HTTP_METHOD": "DELETE"}),
        ("POST", f"{item}?_method=DELETE", {}, {}),
        ("GET", f"{item}?_method=DELETE", None, {}),
        ("DELETE", f"{item}/", None, {}),
        ("DELETE", f"/{item}", None, {}),
        ("DELETE", "search/../collections/c", None, {}),
        ("DELETE", "collections/c%2Fitems%2Futm.tif", None, {}),
        ("DELETE", "%63ollections/c", None, {}),
        ("delete", item, None, {}),
        ("DELETE", f"{item}?access_token={TOKEN}", None, {}),
        ("DELETE", item, None, {"HTTP_AUTHORIZATION": f"Token {TOKEN}"}),
        ("DELETE", item, None, {"HTTP_AUTHORIZATION": f"Bearer {TOKEN},Bearer x"}),
        ("DELETE", item, None, {"HTTP_COOKIE": f"Authorization=Bearer {TOKEN}"}),
        ("POST", "search", {"id": "new", "type": "Collection"}, {}),
    ]
    for method, path, body, environ in attempts:
        response = ask(server, f"{ROOT}{path}", method, body, **(HERE | environ))
        assert response.status in (200, 400, 401, 404, 405), (method, path, response.status)
        assert method not in ("DELETE", "delete") or response.status != 200
    assert service.state() == service.before


@pytest.mark.parametrize("lines", [OFF, LOCAL, TOKENS])
def test_everybody_reads(service: Service, lines: tuple[str, ...]) -> None:
    server = service.application(*lines)
    paths = (
        "",
        "collections",
        "collections/c",
        "collections/c/items",
        "collections/c/items/utm.tif",
        "search",
        "api",
    )
    for path in paths:
        assert ask(server, f"{ROOT}{path}", **ELSEWHERE).status == 200


@pytest.mark.parametrize("lines", [OFF, LOCAL, TOKENS])
def test_files_are_fetched_where_the_service_lets_them_be(service: Service, lines: tuple[str, ...]) -> None:
    address = f"{ROOT}collections/c/items/utm.tif/assets/image"
    closed, opened = service.application(*lines), service.application(*lines, "downloadable = true")
    for client in (HERE, HOLDER, ELSEWHERE, WEB_SERVER):
        for method in ("GET", "HEAD"):
            assert ask(closed, address, method, **client, HTTP_RANGE="bytes=0-0").status == 403
            assert ask(opened, address, method, **client).status == 200
    for path in ("../utm.tif", "%2E%2E%2Futm.tif", "..%2F..%2Ftokens", "tokens", "utm.tif%00"):
        response = ask(opened, f"{ROOT}collections/c/items/{path}/assets/image", **HERE)
        assert response.status in (400, 404), path


def test_files_are_refused_where_images_have_a_watermark(service: Service, tmp_path: Path) -> None:
    Image.new("L", (4, 4), 200).save(tmp_path / "mark.png")
    address = f"{ROOT}collections/c/items/utm.tif/assets/image"
    for settings, status in (({}, 403), ({"watermark_samples": True}, 200)):
        marked = service.application("downloadable = true", watermark=str(tmp_path / "mark.png"), **settings)
        assert ask(marked, address, "GET", **HERE).status == status


def editor_statuses(server: app.Application, client: dict[str, str]) -> list[int]:
    def status(response: Response) -> int:
        return int(response.status)

    return [status(ask(server, f"{ROOT}{path}", method, body, **client)) for method, path, body in CHANGES]


@pytest.mark.parametrize(
    ("lines", "client"), [(LOCAL, HERE), (TOKENS, HOLDER), (TOKENS, WEB_SERVER | {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"})]
)  # fmt: skip
def test_editors_change_everything(tmp_path: Path, lines: tuple[str, ...], client: dict[str, str]) -> None:
    server = Service(tmp_path).application(*lines)
    assert editor_statuses(server, client) == [
        201, 204, 204, 201, 409, 409, 204, 204, 422, 400, 202, 404, 204, 200, 204,
    ]  # fmt: skip


def test_a_body_is_not_read_before_it_is_known_that_the_client_may_send_it(service: Service) -> None:
    server = service.application(*TOKENS)
    for method, path, _ in CHANGES:
        environ = HERE | {"CONTENT_TYPE": "application/json"}
        asked = [
            ask_length(server, method, path, environ | more)
            for more in ({}, {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"})
        ]
        refused, read = asked
        assert refused == 1
        assert read == 0 if method == "DELETE" else read > 1 << 20


def ask_length(server: app.Application, method: str, path: str, environ: dict[str, str]) -> int:
    return server.max_body_length(Request(method, f"/stac/{path}", "", environ))
