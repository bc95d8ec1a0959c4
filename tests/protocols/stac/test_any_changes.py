"""Whatever a client sends to change something, the answer is a change or says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iipserve import app
from tests.protocols.stac.services import ROOT, ask, read
from tests.protocols.stac.test_changes import SQUARE, built, change, feature
from tests.test_app import body as body_of

TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "",
            ".",
            "..",
            "a/b",
            "\ud800",
            "\x00",
            "c",
            "a",
            "2024-07-01T12:00:00Z",
            "first",
            "javascript:1",
            "../a",
        ]
    ),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**25), 10**25), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
MEMBERS = st.sampled_from([
    "type", "id", "collection", "geometry", "bbox", "properties", "assets", "links", "stac_version", "stac_extensions", "href",
    "title", "description", "keywords", "license", "providers", "extent", "summaries", "iipserve:style", "iipserve:rule",
    "iipserve:order", "iipserve:times", "features",
])  # fmt: skip
PROPERTIES = st.sampled_from([
    "datetime", "start_datetime", "end_datetime", "gsd", "proj:code", "proj:epsg", "bands", "title", "created", "eo:cloud_cover",
])  # fmt: skip
INNER = st.one_of(
    VALUES,
    st.dictionaries(PROPERTIES, VALUES, max_size=4),
    st.dictionaries(
        TEXTS,
        st.fixed_dictionaries({}, optional={"href": VALUES, "roles": VALUES, "rel": VALUES}),
        max_size=3,
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["Point", "Polygon", "MultiPolygon"]), "coordinates": VALUES}
    ),
    st.just(SQUARE),
)
BODIES = st.one_of(
    VALUES,
    st.dictionaries(MEMBERS, INNER, max_size=5),
    st.dictionaries(MEMBERS, INNER, max_size=3).map(lambda changed: feature("x") | changed),
    st.lists(
        st.dictionaries(MEMBERS, INNER, max_size=3).map(lambda changed: feature("x") | changed), max_size=3
    ),
)
REQUESTS = st.sampled_from([
    ("POST", "collections"), ("PUT", "collections/c"), ("PATCH", "collections/c"), ("POST", "collections/c/items"),
    ("POST", "collections/c/items?upsert=true"), ("PUT", "collections/c/items/a"), ("PATCH", "collections/c/items/a"),
    ("POST", "search"),
])  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> app.Application:
    folder: Path = tmp_path_factory.mktemp("images")
    service = built(folder, tmp_path_factory.mktemp("service"))
    assert change(service, "POST", "collections", {"id": "c"}).status == 201
    assert change(service, "POST", "collections/c/items", feature("a")).status == 201
    return service


@given(REQUESTS, BODIES)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_bodies_of_any_kind(service: app.Application, request: tuple[str, str], body: Any) -> None:
    method, path = request
    response = change(service, method, path, json.dumps(body).encode(), CONTENT_TYPE="application/json")
    assert response.status in (200, 201, 400, 403, 404, 409, 415), (response.status, body_of(response))
    found = json.loads(body_of(response))
    if response.status >= 400:
        assert found.keys() in (
            {"code", "description"},
            {*found} & {"created", "refused", "replaced"} | {"results"},
        )
    # what was stored can be read, as a document and as a page
    for part in ("collections/c", "collections/c/items/a", "collections/c/items"):
        read(service, f"{ROOT}{part}")
        assert ask(service, f"{ROOT}{part}?f=html").status == 200


@given(st.text(max_size=12), st.sampled_from(["GET", "PUT", "PATCH", "DELETE"]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_identifiers_of_any_kind(service: app.Application, id: str, method: str) -> None:
    text = "".join(f"%{byte:02X}" for byte in id.encode("utf-8", "surrogatepass"))
    for path in (
        f"collections/{text}",
        f"collections/c/items/{text}",
        f"collections/{text}/items/a/assets/image",
    ):
        if method == "DELETE" and id in ("a", "c"):
            continue
        body = None if method in ("GET", "DELETE") else feature("a")
        assert change(service, method, path, body).status < 500
