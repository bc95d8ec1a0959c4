"""Clients of STAC over HTTP: the validator of APIs, pystac-client."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pystac_client = pytest.importorskip("pystac_client")
pytest.importorskip("sqlalchemy")

from tests.databases import postgresql  # noqa: E402
from tests.end_to_end.running import daemon  # noqa: E402
from tests.ports import free_port  # noqa: E402
from tests.protocols.stac.services import COUNT, service_file  # noqa: E402


@contextmanager
def served(folder: Path, store: str = "") -> Iterator[str]:
    """The address of the landing page of a service that clients on this host may change."""
    port = free_port()
    services = str(service_file(folder, "editable = true", "downloadable = true", store=store))
    with daemon(folder, folder, "--http", f"127.0.0.1:{port}", ports=[port], SERVICES=services):
        yield f"http://127.0.0.1:{port}/stac/"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("clients")) as origin:
        yield origin


@pytest.fixture
def postgis_origin(tmp_path: Path) -> Iterator[str]:
    pytest.importorskip("psycopg")
    with postgresql() as server:
        if not server.has_postgis:
            pytest.skip("PostGIS is not installed")
        with served(tmp_path, server.database(postgis=True)) as origin:
            yield origin


CLASSES = (
    "core", "collections", "features", "item-search", "filter", "item-search#sort", "item-search#fields",
    "item-search#query", "features#sort", "features#fields", "features#query", "transaction", "transaction",
)  # fmt: skip
GEOMETRY = '{"type": "Polygon", "coordinates": [[[3, 10], [8, 10], [3, 15], [3, 10]]]}'
COMPARED = {
    "comparison-field": "eo:cloud_cover", "eq-value": 7, "neq-value": 7, "lt-value": 7, "lte-value": 7, "gt-value": 7,
    "gte-value": 7, "substring-field": "platform", "starts-with-value": "ki", "ends-with-value": "te",
    "contains-value": "it", "in-field": "grade", "in-values": "a,c",
}  # fmt: skip
"""What its queries compare with."""


@pytest.mark.parametrize("store", ["origin", "postgis_origin"])
def test_the_validator_of_apis_finds_no_errors(store: str, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("stac_api_validator")
    origin: str = request.getfixturevalue(store)
    command = [sys.executable, "-m", "tests.end_to_end.stac_validation", "--root-url", origin]
    command += ["--collection", "squares", "--geometry", GEOMETRY, "--validate-pagination"]
    command += ["--fields-nested-property", "properties.platform", "--transaction-collection", "empty"]
    command += [text for each in CLASSES for text in ("--conformance", each)]
    command += [text for name, value in COMPARED.items() for text in (f"--query-{name}", str(value))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Transaction extension conformance class found" in done.stdout + done.stderr
    assert "Errors: none" in done.stdout, done.stdout


def test_pystac_client_searches(origin: str) -> None:
    client = pystac_client.Client.open(origin)
    assert {each.id for each in client.get_collections()} == {"empty", "squares", "strange"}
    for method in ("GET", "POST"):
        search = client.search(
            method=method,
            collections=["squares"],
            bbox=[3, 10, 30, 15],
            datetime="2024-05-10/2024-05-20",
            sortby=["-properties.datetime"],
            limit=4,
        )
        found = [item.id for item in search.items()]
        assert found == [f"square-{number:02}.tif" for number in range(19, 8, -1)], method
        assert search.matched() == len(found)


def test_pystac_client_filters_and_selects(origin: str) -> None:
    client = pystac_client.Client.open(origin)
    filtered = client.search(filter={"op": ">", "args": [{"property": "eo:cloud_cover"}, 20]}, limit=3)
    assert sorted(item.id for item in filtered.items()) == [f"square-{n}.tif" for n in (21, 22, 23, 24)]
    text = client.search(method="GET", filter="eo:cloud_cover > 20", filter_lang="cql2-text")
    assert len(list(text.items())) == 4
    fields = client.search(ids=["square-03.tif"], fields=["id", "properties.gsd", "-links"])
    (found,) = fields.items_as_dicts()
    assert found["properties"]["gsd"] == 20.0
    assert "links" not in found
    queried = client.search(query=["gsd=20", "platform=kite"], limit=100)
    assert len(list(queried.items())) == COUNT - 5


def test_pystac_client_reads_collections(origin: str) -> None:
    client = pystac_client.Client.open(origin)
    collection = client.get_collection("squares")
    assert len(list(collection.get_items())) == COUNT
    assert collection.get_item("square-03.tif").properties["gsd"] == 20.0
    assert "eo:cloud_cover" in collection.get_queryables()["properties"]
