"""Tables that would take too much memory or too many calls to read are refused from their descriptions."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import pytest

pytest.importorskip("arro3.io")

from arro3.core import Array, DataType, Field, RecordBatch, Schema, Table
from arro3.io import write_parquet

from iipserve.errors import InvalidRequest
from iipserve.protocols.stac import parquet_limits
from iipserve.protocols.stac.geoparquet import read_parquet
from iipserve.protocols.stac.parquet_limits import MAX_DEPTH, MAX_FOOTER, MAX_VALUES, check_limits

HUGE = (1 << 31) + 5
"""Values that a list of Arrow cannot have."""


def varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])


def thrift(fields: dict[int, Any]) -> bytes:
    """A structure of Thrift's compact protocol: of integers, texts, structures and lists of structures."""
    found, before = b"", 0
    for number, value in fields.items():
        kind, content = encoded(value)
        found += bytes([(number - before) << 4 | kind]) + content
        before = number
    return found + b"\0"


def encoded(value: Any) -> tuple[int, bytes]:
    if isinstance(value, int):
        return 6, varint(value << 1 if value >= 0 else (-value << 1) - 1)
    if isinstance(value, bytes):
        return 8, varint(len(value)) + value
    if isinstance(value, dict):
        return 12, thrift(value)
    return 9, bytes([15 << 4 | 12]) + varint(len(value)) + b"".join(map(thrift, value))


def page_of(values: int = 1, size: int = 4, **further: dict[int, Any]) -> bytes:
    """A page of so many values and bytes. Further fields of its description are `f` and their number."""
    fields = {1: 0, 2: size, 3: 4, 5: {1: values, 2: 0, 3: 3, 4: 3}}
    return thrift(fields | {int(name[1:]): value for name, value in further.items()}) + b"abcd"


def file_of(
    schema: list[Any], values: int = 1, pages: bytes = page_of(), times: int = 1, **column: int
) -> bytes:
    """A file with one row, and a column with so many values and these pages. Further fields of its description are `f`
    and their number; `times`: how often it is described."""
    fields = {1: 1, 2: [], 3: [], 4: 0, 5: values, 6: 4, 7: len(pages), 9: 4}
    fields = dict(sorted((fields | {int(name[1:]): value for name, value in column.items()}).items()))
    footer = thrift({1: 2, 2: schema, 3: 1, 4: [{1: [{2: 4, 3: fields}] * times, 2: 4, 3: 1}]})
    return ended(b"PAR1" + pages, footer)


def ended(body: bytes, footer: bytes) -> bytes:
    return body + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def nested(depth: int) -> list[Any]:
    return [*({4: b"s", 5: 1} for _ in range(depth)), {1: 1, 4: b"x"}]


FLAT = nested(1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (file_of(FLAT, values=HUGE), f"{HUGE} values"),
        (file_of(FLAT, values=-1), "-1 values"),
        (file_of(FLAT, pages=page_of(HUGE)), f"{HUGE} values"),
        (file_of(FLAT, pages=page_of(size=HUGE)), f"{HUGE} bytes"),
        (file_of(nested(MAX_DEPTH + 1)), f"more than {MAX_DEPTH} structures"),
        (file_of(nested(2000)), f"more than {MAX_DEPTH} structures"),
        (b"PAR1" + bytes(100) + (MAX_FOOTER + 1).to_bytes(4, "little") + b"PAR1", "does not end as Parquet"),
        (b"PAR1" + bytes(MAX_FOOTER + 9) + (MAX_FOOTER + 1).to_bytes(4, "little") + b"PAR1", "bytes; up to"),
        (ended(b"PAR1", b"\x1c" * 5000), "malformed"),
        (ended(b"PAR1", b"\x19" * 5000), "malformed"),
        (file_of(FLAT, pages=page_of() + page_of(HUGE), f7=len(page_of(HUGE)), f11=4 + len(page_of())), f"{HUGE} values"),
        (file_of(FLAT, pages=page_of(f7={1: HUGE})), f"{HUGE} values"),
        (file_of(FLAT, pages=page_of(f8={1: HUGE})), f"{HUGE} values"),
        (file_of(FLAT, pages=page_of(-1, f8={1: 1})), "values in a group"),
        (file_of(FLAT, f9=-5), "beyond their part"),
        (file_of(FLAT, f7=-5), "beyond their part"),
        (file_of(FLAT, f7=5000), "beyond their part"),
        (file_of(FLAT, times=2), "in each other"),
    ],
    ids=range(18),
)  # fmt: skip
def test_what_is_beyond_the_limits_is_refused_before_it_is_read(content: bytes, reason: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InvalidRequest, match=reason):
            next(read_parquet(io.BytesIO(content)))
        assert tracemalloc.get_traced_memory()[1] < 10 * MAX_FOOTER
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (file_of(FLAT, pages=page_of(0) * 21), "more than 20 pages"),
        (file_of([{}] * 1000), "up to 1000 bytes"),
        (file_of(FLAT, pages=page_of(f20=[{}] * 100) * 10), "up to 1000 bytes"),
    ],
    ids=["pages", "description", "descriptions of pages"],
)
def test_the_check_itself_is_limited(monkeypatch: pytest.MonkeyPatch, content: bytes, reason: str) -> None:
    monkeypatch.setattr(parquet_limits, "MAX_PAGES", 20)
    monkeypatch.setattr(parquet_limits, "MAX_PARSED", 1000)
    check_limits(io.BytesIO(file_of(FLAT, pages=page_of(0) * 20)))
    with pytest.raises(InvalidRequest, match=reason):
        check_limits(io.BytesIO(content))


def test_what_is_within_the_limits_is_not() -> None:
    check_limits(io.BytesIO(file_of(nested(MAX_DEPTH - 1), values=MAX_VALUES)))


def test_a_deep_table_of_another_program_is_refused() -> None:
    """Which it writes without complaint."""
    kind = DataType.int64()
    for _ in range(MAX_DEPTH):
        kind = DataType.struct([Field("a", kind)])
    table = Table.from_batches([], schema=Schema([Field("id", kind)]))
    written = io.BytesIO()
    write_parquet(table, written)
    with pytest.raises(InvalidRequest, match=f"more than {MAX_DEPTH} structures"):
        next(read_parquet(written))


def test_pages_of_another_program_are_counted() -> None:
    batch = RecordBatch([Array(list(range(50_000)), DataType.int64())], names=["a"])
    written = io.BytesIO()
    write_parquet(Table.from_batches([batch]), written, data_page_row_count_limit=1000, write_batch_size=100)
    check_limits(written)
    assert written.tell() == 0
    content = written.getvalue()
    assert next(read_parquet(io.BytesIO(content)))["properties"]["a"] == 0
