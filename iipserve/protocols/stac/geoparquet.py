"""Items in GeoParquet, of any number in the same memory: a table that is written and read in parts, by the package arro3.

Sources: GeoParquet 1.1.0; STAC GeoParquet specification 1.1.
"""

from __future__ import annotations

import gzip
import io
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO, Final

from iipserve.errors import InvalidRequest, NotInstalled
from iipserve.protocols.stac.bodies import Json
from iipserve.protocols.stac.item_exchange import MAX_LINE
from iipserve.protocols.stac.parquet_columns import (
    BOOLEAN,
    FLOAT,
    INTEGER,
    LIST,
    OBJECT,
    TIMES,
    Column,
    ItemColumns,
    Path,
    document_of,
)
from iipserve.protocols.stac.parquet_limits import check_limits

PACKAGES = ("arro3.core", "arro3.io")
BATCH_ROWS = 1
"""Rows that are read at once: a few bytes may stand for a long text in each of them."""
PAUSE_ROWS = 100
"""Rows that are noted between two empty chunks."""
WRITE_ROWS = 500
"""Rows that are written at once."""
GROUP_ROWS = 5_000
"""Rows of one part of the file, which are in memory before they are written."""
CHUNK = 1 << 16
"""Bytes that are sent at once."""
PAUSE = 0.5
"""Seconds after which a reader that waits for a chunk gets an empty one."""
JSON_PATHS: Final = "iipserve:json"
"""Metadata of a file: where it has JSON."""
GEO: Json = {
    "version": "1.1.0",
    "primary_column": "geometry",
    "columns": {
        "geometry": {
            "encoding": "WKB",
            "geometry_types": [],
            "covering": {"bbox": {name: ["bbox", name] for name in ("xmin", "ymin", "xmax", "ymax")}},
        }
    },
}
STAC: Json = {"version": "1.1.0"}


def require() -> None:
    """See that the packages are there. Raises `NotInstalled`."""
    if find_spec("arro3") is None or not all(map(find_spec, PACKAGES)):
        raise NotInstalled(
            "GeoParquet needs Python packages that are not installed here; the administrator can install them with: "
            "pip install 'iipserve[geoparquet]'; NDJSON needs none"
        )


# -- writing ---------------------------------------------------------------------------------------


def parquet(documents: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """A file of items, in chunks; empty ones as long as it is not finished, so that each is there soon.

    The columns follow from all items, so these are read once, and kept in a temporary file.
    """
    with TemporaryFile() as spooled, TemporaryFile() as file:
        columns = ItemColumns()
        with gzip.GzipFile(fileobj=spooled, mode="wb", compresslevel=1) as lines:
            for number, document in enumerate(documents):
                columns.add(document)
                lines.write(json.dumps(document).encode() + b"\n")
                if number % PAUSE_ROWS == 0:
                    yield b""
        spooled.seek(0)
        yield from _waiting(lambda is_left: _write(columns, _rows(columns, spooled, is_left), file))
        file.seek(0)
        while chunk := file.read(CHUNK):
            yield chunk


def _waiting(work: Callable[[threading.Event], None]) -> Iterator[bytes]:
    """Empty chunks while a thread works, which is asked by an event to end early. Raises what it raises."""
    is_left, failed = threading.Event(), []

    def run() -> None:
        try:
            work(is_left)
        except BaseException as error:  # packages in Rust raise others too
            failed.append(error)

    thread = threading.Thread(target=run, name="geoparquet", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(PAUSE)
            yield b""
    finally:
        is_left.set()
        thread.join()
    if failed:
        raise RuntimeError("the table cannot be written") from failed[0]


def _rows(columns: ItemColumns, spooled: IO[bytes], is_left: threading.Event) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=spooled, mode="rb") as lines:
        for line in lines:
            if is_left.is_set():
                raise RuntimeError("nobody waits for the file")
            yield json.dumps(columns.row(json.loads(line)), ensure_ascii=False).encode() + b"\n"


def _write(columns: ItemColumns, rows: Iterator[bytes], file: IO[bytes]) -> None:
    from arro3.core import Schema
    from arro3.io import read_json, write_parquet

    schema = Schema([_field(name, column) for name, column in columns.columns.items()])
    reader = read_json(io.BufferedReader(_Lines(rows)), schema, batch_size=WRITE_ROWS)
    metadata = {"geo": GEO, "stac-geoparquet": STAC, JSON_PATHS: columns.json_paths()}
    write_parquet(
        reader,
        file,
        compression="zstd(3)",
        key_value_metadata={name: json.dumps(value) for name, value in metadata.items()},
        max_row_group_size=GROUP_ROWS,
        created_by="iipserve",
    )


class _Lines(io.RawIOBase):
    """Lines as a file."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            line = next(self._lines, None)
            if line is None:
                return 0
            self._rest = memoryview(line)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _field(name: str, column: Column) -> Any:
    """A column of Arrow."""
    from arro3.core import DataType, Field

    if name == "geometry":
        return Field(name, DataType.binary())
    if name in TIMES:
        return Field(name, DataType.timestamp("us", tz="UTC"))
    return Field(name, _type(column))


def _type(column: Column) -> Any:
    from arro3.core import DataType, Field

    match column.kind:
        case kind if kind == OBJECT:
            return DataType.struct([Field(name, _type(each)) for name, each in column.members.items()])
        case kind if kind == LIST:
            return DataType.list(Field("item", _type(column.element)))
        case kind if kind == INTEGER:
            return DataType.int64()
        case kind if kind == FLOAT:
            return DataType.float64()
        case kind if kind == BOOLEAN:
            return DataType.bool()
    return DataType.utf8()


# -- reading ---------------------------------------------------------------------------------------


def read_parquet(file: BinaryIO) -> Iterator[Json]:
    """The items of a file.

    Raises:
        InvalidRequest: it is none of GeoParquet, beyond the limits of `parquet_limits`, or a row is no item, or longer than
            `MAX_LINE`.
        NotInstalled: a package is missing.
    """
    require()
    from arro3.io import read_parquet as read
    from arro3.io import write_ndjson

    check_limits(file)
    reader: Any = _tried(lambda: read(file, batch_size=BATCH_ROWS))
    metadata = _metadata(reader.schema.metadata)
    paths, geometry = _json_paths(metadata), _geometry_column(metadata)
    while (batch := _tried(lambda: next(reader, None))) is not None:
        text = io.BytesIO()
        _tried(partial(write_ndjson, batch, text))
        if text.tell() > MAX_LINE:
            raise InvalidRequest(f"a row of the file is longer than {MAX_LINE} bytes as JSON")
        for line in text.getvalue().splitlines():
            yield document_of(json.loads(line), paths, geometry)


def _tried(action: Callable[[], Any]) -> Any:
    """What an action gives. Raises `InvalidRequest` if the file is not one that the package reads."""
    try:
        return action()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of Rust is no Exception
        raise InvalidRequest(f"the file is no GeoParquet that can be read: {error}"[:500]) from error


def _metadata(stated: Any) -> Json:
    """The metadata in JSON that are of use; those that are malformed count as missing."""
    found: Json = {}
    for name in ("geo", JSON_PATHS):
        try:
            found[name] = json.loads(dict(stated)[name.encode()])
        except (KeyError, ValueError, RecursionError):
            continue
    return found


def _json_paths(metadata: Json) -> list[Path]:
    paths = metadata.get(JSON_PATHS)
    return [tuple(path) for path in paths if isinstance(path, list)] if isinstance(paths, list) else []


def _geometry_column(metadata: Json) -> str:
    geo = metadata.get("geo")
    return str(geo.get("primary_column", "geometry")) if isinstance(geo, dict) else "geometry"
