"""Items as rows of a table: which columns documents in JSON need, and their values in them.

Source: STAC GeoParquet specification 1.1 (properties are columns of their own; geometry as WKB; bbox as a structure). What a
column cannot hold (values of several types, objects with many names) is JSON as text, and so are members that a row of this
form has no place for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from iipserve.errors import InvalidRequest
from iipserve.protocols.stac.bodies import Json
from iipserve.protocols.stac.wkb_nesting import check_nesting

Path: TypeAlias = tuple[str | int, ...]
"""Names of members, and `ELEMENT` for those of lists."""
ELEMENT = 0
BOOLEAN, INTEGER, FLOAT, TEXT, OBJECT, LIST, HUGE = (
    "boolean",
    "integer",
    "float",
    "text",
    "object",
    "list",
    "huge",
)
MAX_MEMBERS = 200
"""Names of one structure."""
MAX_COLUMNS = 1000
"""Properties that are columns."""
TIMES: Final = ("datetime", "start_datetime", "end_datetime", "created", "updated")
"""Columns of times."""
BOX: Final = ("xmin", "ymin", "xmax", "ymax")
MEMBERS: Final = (
    "type",
    "stac_version",
    "stac_extensions",
    "id",
    "collection",
    "geometry",
    "bbox",
    "assets",
    "links",
)
"""Of an item, which are columns of these names."""
MORE_PROPERTIES, MORE_MEMBERS = "iipserve:properties", "iipserve:members"
"""Columns of what has no other place, as JSON."""
RESERVED: Final = (*MEMBERS, MORE_PROPERTIES, MORE_MEMBERS)
"""Names of columns that no property has."""
SEED: Json = {
    "type": "Feature", "stac_version": "", "stac_extensions": [""], "id": "", "geometry": "",
    "bbox": dict.fromkeys(BOX, 0.0), "links": [{"href": "", "rel": ""}], "datetime": "",
}  # fmt: skip
"""Columns that each table has."""


class Column:
    """What is found in the values of a column."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._kinds: set[str] = set()
        self._members: dict[str, Column] = {}
        self._element: Column | None = None

    def add(self, value: Any) -> None:
        """Note another value."""
        if value is None:
            return
        kind = _kind(value)
        self._kinds.add(kind)
        if kind == OBJECT:
            for name, member in value.items():
                if name in self._members or len(self._members) <= MAX_MEMBERS:
                    self._members.setdefault(name, Column()).add(member)
        elif kind == LIST:
            self._element = self._element or Column()
            for each in value:
                self._element.add(each)

    @property
    def kind(self) -> str:
        """The type of all values: one of the constants above, of which texts stand for JSON too."""
        if self.is_json or not self._kinds:
            return TEXT
        return FLOAT if FLOAT in self._kinds else next(iter(self._kinds))

    @property
    def is_json(self) -> bool:
        """Values are kept as JSON."""
        kinds = self._kinds - {INTEGER} if FLOAT in self._kinds else self._kinds
        is_odd = OBJECT in kinds and (
            not self.members or len(self._members) > MAX_MEMBERS or not all(map(_is_plain, self._members))
        )
        return len(kinds) > 1 or HUGE in kinds or is_odd

    @property
    def members(self) -> dict[str, Column]:
        """Of structures: those that have a value somewhere."""
        return {name: column for name, column in self._members.items() if column._kinds}

    @property
    def element(self) -> Column:
        """Of lists."""
        return self._element or Column()

    def fitted(self, value: Any) -> Any:
        """A value as the column has it."""
        if value is None:
            return None
        if self.is_json:
            return json.dumps(value, ensure_ascii=False)
        if isinstance(value, Mapping):
            return {
                name: self._members[name].fitted(each) for name, each in value.items() if each is not None
            }
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [self.element.fitted(each) for each in value]
        return value

    def json_paths(self, path: Path = ()) -> Iterator[Path]:
        """Where values are kept as JSON."""
        if self.is_json:
            yield path
        elif self.kind == OBJECT:
            for name, column in self.members.items():
                yield from column.json_paths((*path, name))
        elif self.kind == LIST:
            yield from self.element.json_paths((*path, ELEMENT))


def _is_plain(name: str) -> bool:
    """Whether a column can have a name: some packages take NUL for its end."""
    return name != "" and name.isprintable()


def _kind(value: Any) -> str:
    match value:
        case bool():
            return BOOLEAN
        case int():
            return INTEGER if -(1 << 63) <= value < 1 << 63 else HUGE
        case float():
            return FLOAT
        case str():
            return TEXT
        case Mapping():
            return OBJECT
    return LIST


class ItemColumns:
    """The columns of items."""

    def __init__(self) -> None:
        """Those that each table has."""
        self._properties: set[str] = set(TIMES)
        self.columns: dict[str, Column] = {}
        self._add(SEED)

    def add(self, document: Mapping[str, Any]) -> None:
        """Note another item."""
        for name in document["properties"]:
            if _is_plain(name) and name not in RESERVED and len(self._properties) < MAX_COLUMNS:
                self._properties.add(name)
        self._add(self._row(document))

    def _add(self, row: Json) -> None:
        for name, value in row.items():
            self.columns.setdefault(name, Column()).add(value)

    def row(self, document: Mapping[str, Any]) -> Json:
        """An item as a row, once all are noted."""
        row = self._row(document)
        return {name: self.columns[name].fitted(value) for name, value in row.items() if value is not None}

    def _row(self, document: Mapping[str, Any]) -> Json:
        stated = document["properties"]
        own = {name: value for name, value in stated.items() if name in self._properties}
        row = {**{name: document[name] for name in MEMBERS if name in document}, **own}
        box = document.get("bbox")
        row["geometry"] = _wkb(document.get("geometry"))
        row["bbox"] = None if not box else dict(zip(BOX, _corners(box), strict=True))
        others = {name: value for name, value in stated.items() if name not in own}
        further = {name: value for name, value in document.items() if name not in (*MEMBERS, "properties")}
        for name, rest in ((MORE_PROPERTIES, others), (MORE_MEMBERS, further)):
            if rest:
                row[name] = json.dumps(rest, ensure_ascii=False)
        return row

    def json_paths(self) -> list[Path]:
        """Where values are kept as JSON."""
        return [path for name, column in self.columns.items() for path in column.json_paths((name,))]


def _wkb(geometry: Mapping[str, Any] | None) -> str | None:
    """A geometry as WKB (OGC 06-103r4), in hexadecimal digits."""
    if geometry is None:
        return None
    from shapely import to_wkb
    from shapely.geometry import shape

    return to_wkb(shape(geometry), hex=True, flavor="iso")


def _geometry(wkb: str | None) -> Json | None:
    if wkb is None:
        return None
    from shapely import from_wkb
    from shapely.geometry import mapping

    content = bytes.fromhex(wkb)
    check_nesting(content)
    return json.loads(json.dumps(mapping(from_wkb(content))))


def _corners(box: Sequence[float]) -> list[float]:
    """A box without heights."""
    return [*box[:2], *box[len(box) // 2 :][:2]]


# -- reading ---------------------------------------------------------------------------------------


def document_of(row: Json, json_paths: Iterable[Path], geometry: str = "geometry") -> Json:
    """The item of a row.

    Args:
        row: values by the names of columns, binary ones in hexadecimal digits.
        json_paths: where values are kept as JSON.
        geometry: name of the column of geometries.

    Raises:
        InvalidRequest: a value is not what it should be.
    """
    try:
        for path in json_paths:
            row = _parsed(row, path)
        more = {name: json.loads(row[name]) for name in (MORE_PROPERTIES, MORE_MEMBERS) if row.get(name)}
        found = {name: row[name] for name in MEMBERS if name in row}
        found["geometry"] = _geometry(row.get(geometry))
        if box := row.get("bbox"):
            found["bbox"] = [box[name] for name in BOX] if isinstance(box, Mapping) else box
        own = {name: value for name, value in row.items() if name not in (*RESERVED, geometry)}
        properties = {"datetime": None, **own, **more.get(MORE_PROPERTIES, {})}
        return {
            "links": [],
            **found,
            **more.get(MORE_MEMBERS, {}),
            "type": "Feature",
            "properties": properties,
        }
    except Exception as error:  # of several packages
        raise InvalidRequest(f"a row is no item: {type(error).__name__} {error}"[:500]) from error


def _parsed(value: Any, path: Sequence[str | int]) -> Any:
    """A value with the JSON at a path as what it stands for."""
    if value is None:
        return None
    if not path:
        return json.loads(value)
    first, *rest = path
    if first == ELEMENT and isinstance(value, list):
        return [_parsed(each, rest) for each in value]
    if isinstance(value, dict) and first in value:
        return {**value, first: _parsed(value[str(first)], rest)}
    return value
