"""Items in GeoParquet: what is written comes back, other programs read it, and what is none is refused."""

from __future__ import annotations

import io
import json
import random
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("arro3.io")
pytest.importorskip("shapely")

from iipserve.errors import InvalidRequest
from iipserve.protocols.stac.geoparquet import parquet, read_parquet
from iipserve.protocols.stac.item_exchange import MAX_LINE
from iipserve.protocols.stac.parquet_columns import MAX_MEMBERS

SQUARE = {"type": "Polygon", "coordinates": [[[0.1, 0.0], [1.0, 0.0], [1.0, 1.1], [0.1, 0.0]]]}


def document(number: int = 0, **properties: Any) -> dict[str, Any]:
    """An item of STAC."""
    return {
        "type": "Feature", "stac_version": "1.1.0", "stac_extensions": [], "id": f"i{number}", "geometry": SQUARE,
        "bbox": [0.1, 0.0, 1.0, 1.1], "properties": {"datetime": "2024-07-01T12:00:00.000005Z", **properties},
        "assets": {"image": {"href": "a.tif", "roles": ["data"], "file:size": 5}}, "links": [],
    }  # fmt: skip


def written(documents: Iterable[Any]) -> bytes:
    return b"".join(parquet(documents))


def read(content: bytes) -> list[Any]:
    return list(read_parquet(io.BytesIO(content)))


def known(value: Any) -> Any:
    """A value without members that are null, which count as missing."""
    if isinstance(value, dict):
        return {name: known(each) for name, each in value.items() if each is not None}
    return [known(each) for each in value] if isinstance(value, list) else value


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=5)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.lists(st.dictionaries(TEXT | st.sampled_from(["id", "a", "b"]), VALUES, max_size=4), max_size=5))
def test_any_properties_come_back(properties: list[dict[str, Any]]) -> None:
    given_ = [document(number, p=each) for number, each in enumerate(properties)]
    for each, own in zip(given_, properties, strict=True):
        each["properties"] |= {name: value for name, value in own.items() if name != "datetime"}
    assert [known(each) for each in read(written(given_))] == [known(each) for each in given_]


def test_items_of_every_form_come_back() -> None:
    placeless = {name: value for name, value in document(1).items() if name != "bbox"} | {"geometry": None}
    period = document(
        2, datetime=None, start_datetime="2024-01-01T00:00:00Z", end_datetime="2024-01-02T00:00:00Z"
    )
    crossing = document(3) | {
        "geometry": {"type": "MultiPolygon", "coordinates": [[SQUARE["coordinates"][0]]]},
        "bbox": [170.0, 0.0, -175.0, 5.0], "links": [{"rel": "via", "href": "https://example.org", "n": 1}],
    }  # fmt: skip
    foreign = document(4, type="of a property") | {"further": {"a": [1]}, "collection": "c"}
    many = document(5, many={f"n{number}": number for number in range(MAX_MEMBERS * 2)})
    given_ = [document(0), placeless, period, crossing, foreign, many, document(6, many={"n1": 1})]
    assert [known(each) for each in read(written(given_))] == [known(each) for each in given_]
    assert read(written([])) == []


def test_chunks_come_while_the_file_is_made() -> None:
    chunks = list(parquet(document(number) for number in range(500)))
    assert len([chunk for chunk in chunks if not chunk]) >= 5
    assert len(read(b"".join(chunks))) == 500


def test_a_file_that_nobody_waits_for_is_left() -> None:
    chunks = parquet(document(number) for number in range(200))
    assert next(chunks) == b""
    chunks.close()  # type: ignore[attr-defined]


def test_another_program_reads_the_items(tmp_path: Path) -> None:
    rustac = pytest.importorskip("rustac")
    path = tmp_path / "items.parquet"
    path.write_bytes(written([document(0, cloudy=True), document(1, gsd=2.5)]))
    features = rustac.read_sync(str(path), format="parquet")["features"]
    assert [each["id"] for each in features] == ["i0", "i1"]
    assert features[0]["geometry"] == SQUARE
    assert list(features[0]["bbox"]) == [0.1, 0.0, 1.0, 1.1]
    assert features[0]["properties"] == {"datetime": "2024-07-01T12:00:00.000005Z", "cloudy": True}
    assert features[1]["properties"]["gsd"] == 2.5
    assert features[1]["assets"]["image"]["href"] == "a.tif"


def test_items_of_another_program_are_read(tmp_path: Path) -> None:
    rustac = pytest.importorskip("rustac")
    path = tmp_path / "items.parquet"
    given_ = [document(0, cloudy=True), document(1, gsd=2.5)]
    rustac.write_sync(str(path), {"type": "FeatureCollection", "features": given_}, format="parquet")
    found = [{"stac_extensions": [], **known(each)} for each in read(path.read_bytes())]
    for each in given_:
        each["properties"]["datetime"] = "2024-07-01T12:00:00Z"  # whose times have no more digits
    assert json.loads(json.dumps(found)) == given_


def test_long_texts_that_the_file_has_once_are_read_one_at_a_time() -> None:
    content = written(document(number, a="x" * (MAX_LINE // 2)) for number in range(20))
    assert len(content) < MAX_LINE
    tracemalloc.start()
    try:
        assert next(read_parquet(io.BytesIO(content)))["id"] == "i0"
        assert tracemalloc.get_traced_memory()[1] < 6 * MAX_LINE
    finally:
        tracemalloc.stop()


def test_a_row_that_is_too_long_is_refused() -> None:
    content = written([document(0), document(1, a="x" * MAX_LINE)])
    rows = read_parquet(io.BytesIO(content))
    assert next(rows)["id"] == "i0"
    with pytest.raises(InvalidRequest, match=f"longer than {MAX_LINE} bytes"):
        next(rows)


def test_what_is_no_geoparquet_is_refused() -> None:
    content = written([document(number, a=number) for number in range(20)])
    chance = random.Random(1)
    damaged = [b"", b"PAR1", content[:-1], content[: len(content) // 2], b"PAR1" + bytes(100) + b"PAR1"]
    for _ in range(60):
        part = bytearray(content)
        for _ in range(chance.randrange(1, 20)):
            part[chance.randrange(len(part))] = chance.randrange(256)
        damaged.append(bytes(part))
    for each in damaged:
        try:
            read(each)
        except InvalidRequest:
            continue
    for each in damaged[:5]:
        with pytest.raises(InvalidRequest, match="GeoParquet"):
            read(each)
