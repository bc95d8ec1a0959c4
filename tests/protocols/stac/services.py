"""A service with two collections of images, and requests to its STAC API through the whole application."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from iipserve import app
from iipserve.collections.store import Store, open_store
from iipserve.collections.values import Collection, Item
from iipserve.config import Config
from iipserve.geo.grid import Affine, Bounds
from iipserve.http import Body, Request, Response
from tests.test_app import body as body_of

HOST = "a.example"
ROOT = f"http://{HOST}/stac/"
FIRST_DAY = datetime(2024, 5, 1, 12, tzinfo=UTC)
COUNT = 25
"""Items of the collection `squares`."""
SENTENCES = "A collection of <squares> & more"


def square(number: int) -> Item:
    """An image of 2 x 2 degrees, whose west is its number: one a day. Every fifth has no share of clouds."""
    west, south = float(number), 10.0 + number % 3
    box = Bounds(west, south, west + 2, south + 2)
    corners = [(west, south), (west + 2, south), (west + 2, south + 2), (west, south + 2), (west, south)]
    return Item(
        collection="squares",
        id=f"square-{number:02}.tif",
        href=f"maps/square {number:02}.tif",
        size=1000 + number,
        mtime_ns=1_700_000_000_000_000_000,
        checksum="1220" + "0" * 63 + "1",
        driver="tiff",
        width=200,
        height=100,
        bands=({"name": "gray", "data_type": "uint16", "nodata": 0, "raster:scale": 0.1},),
        dtype="uint16",
        nodata=0.0,
        crs="EPSG:32633",
        transform=Affine(20.0, 0.0, 500000.0, 0.0, -20.0, 5000000.0),
        geometry={"type": "Polygon", "coordinates": [[list(corner) for corner in corners]]},
        bounds=(box,),
        gsd_min=20.0,
        gsd_max=160.0,
        datetime=FIRST_DAY + timedelta(days=number),
        properties={}
        if number % 5 == 0
        else {"eo:cloud_cover": number, "platform": "kite", "grade": "ab"[number % 2]},
    )


def strange_items() -> tuple[Item, ...]:
    """Images across the antimeridian, without a place, of a system without a code, of a period, without a time; a file
    that is missing; and names that have to be encoded."""
    ring = [[170.0, 0.0], [180.0, 0.0], [180.0, 5.0], [170.0, 5.0], [170.0, 0.0]]
    other = [[-180.0, 0.0], [-175.0, 0.0], [-175.0, 5.0], [-180.0, 5.0], [-180.0, 0.0]]
    common: dict[str, Any] = {
        "collection": "strange", "size": 10, "mtime_ns": 1_700_000_000_500_000_000, "driver": "tiff",
        "width": 8, "height": 8, "datetime": FIRST_DAY,
    }  # fmt: skip
    return (
        Item(
            **common,
            id="seam.tif",
            href="seam.tif",
            crs="EPSG:4326",
            transform=Affine(1.875, 0.0, 170.0, 0.0, -0.625, 5.0),
            geometry={"type": "MultiPolygon", "coordinates": [[ring], [other]]},
            bounds=(Bounds(170.0, 0.0, 180.0, 5.0), Bounds(-180.0, 0.0, -175.0, 5.0)),
        ),
        Item(**{**common, "driver": "vips"}, id="plain.png", href="plain.png"),
        Item(**common, id="codeless.tif", href="codeless.tif", crs='PROJCRS["none"]', gsd_min=5.0),
        Item(**{**common, "datetime": None, "start": FIRST_DAY, "end": FIRST_DAY + timedelta(hours=1, microseconds=500)},
             id="period.tif", href="period.tif"),
        Item(**{**common, "datetime": None}, id="timeless.tif", href="timeless.tif"),
        Item(**common, id="gone.tif", href="gone.tif", status="missing"),
        Item(**common, id="影像 a&b=c?d#e%25.json", href="影像/a b.tif"),
    )  # fmt: skip


def fill(store: Store) -> None:
    """Make the collections, and one without items."""
    store.create(
        Collection(name="squares", title="Squares", description=SENTENCES, keywords=("square", "made up"),
                   license="CC-BY-4.0", members={"providers": [{"name": "Nobody"}]})
    )  # fmt: skip
    store.create(Collection(name="strange"))
    store.create(Collection(name="empty", title="Nothing yet"))
    for name, items in (
        ("squares", [square(number) for number in range(COUNT)]),
        ("strange", strange_items()),
    ):
        results = store.add_items(name, list(items))
        assert {result.status for result in results} == {"created"}, results


def service_file(folder: Path, *lines: str, store: str = "") -> Path:
    """A service file with a store of these collections: at an address, or in the folder."""
    store = store or str(folder / "collections.sqlite")
    opened = open_store(store)
    fill(opened)
    opened.close()
    path = folder / "service.toml"
    written = ["[service]", 'title = "Maps"', "[collections]", f'store = "{store}"', *lines]
    path.write_text("\n".join(written) + "\n", encoding="utf-8")
    return path


def application(folder: Path, *lines: str, **settings: Any) -> app.Application:
    """The server of these collections; `lines` are further keys of `[collections]`."""
    return app.build(
        Config(filesystem_prefix=f"{folder}/", services=str(service_file(folder, *lines)), **settings)
    )


def ask(
    server: app.Application, address: str, method: str = "GET", content: Any = None, **environ: str
) -> Response:
    """The response to a request: to an address with a query, with a body in JSON."""
    path, _, query = address.removeprefix(f"http://{HOST}").partition("?")
    text = b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
    stated = {"HTTP_HOST": HOST, "CONTENT_TYPE": "application/json", **environ}
    posted = Body(io.BytesIO(text), len(text)) if content is not None else None
    return server.handle(Request(method, path, query, stated, posted))


def read(
    server: app.Application, address: str, method: str = "GET", content: Any = None, **environ: str
) -> Any:
    """A document in JSON."""
    response = ask(server, address, method, content, **environ)
    assert response.status == 200, (address, response.status, body_of(response))
    return json.loads(body_of(response))


def refusal(
    server: app.Application, address: str, method: str = "GET", content: Any = None
) -> tuple[int, str]:
    """Status and description of an error."""
    response = ask(server, address, method, content)
    assert response.status >= 400, (address, content, body_of(response)[:300])
    assert ("Content-Type", "application/json") in response.headers
    value = json.loads(body_of(response))
    assert value.keys() == {"code", "description"}
    return int(response.status), value["description"]


def linked(value: Any, rel: str) -> list[str]:
    """Addresses of a relation."""
    return [each["href"] for each in value["links"] if each["rel"] == rel]
