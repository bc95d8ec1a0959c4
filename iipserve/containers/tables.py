"""Tables of unsigned integers, such as the offsets of a hundred thousand tiles: packed in memory, or left in the file."""

from __future__ import annotations

import itertools
import sys
from array import array
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from iipserve.lru import LRU

Table: TypeAlias = "array[int]"
"""Unsigned integers, packed in 2, 4 or 8 bytes each."""
PAGE = 32
"""Values of a paged table that are read at once."""
MAX_PAGES = 4096
"""Pages of all paged tables that are in memory besides the last of each: 2 MB."""

_pages: LRU[tuple[int, int], Table] = LRU(MAX_PAGES)
"""By the number of a table and the index of the page in it."""
_table_numbers = itertools.count()
_NO_PAGE: tuple[int, Table] = (-1, array("B"))


class PagedTable(Sequence[int]):
    """Unsigned integers in a file, of which some pages are in memory. Safe for many threads."""

    __slots__ = ("_code", "_count", "_length", "_number", "_offset", "_order", "_page", "_read")

    def __init__(
        self, read: Callable[[int, int], bytes], offset: int, code: str, order: str, count: int
    ) -> None:
        """Hold no page yet.

        Args:
            read: (offset, count) -> exactly `count` bytes of the file, or `DecodeError`.
            offset: of the table in the file, in bytes.
            code: of one value, as in `array`.
            order: of its bytes, `<` or `>`.
            count: of values, all inside the file.
        """
        self._read = read
        self._offset = offset
        self._code = code
        self._order = order
        self._count = count
        self._length = array(code).itemsize
        self._number = next(_table_numbers)
        self._page = _NO_PAGE

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        """The value at an index. Raises `DecodeError` if the file has become shorter."""
        if not 0 <= index < self._count:
            raise IndexError(index)
        page, position = divmod(index, PAGE)
        last = self._page
        if last[0] != page:
            last = self._page = page, self._values(page)
        return last[1][position]

    def _values(self, page: int) -> Table:
        key = (self._number, page)
        values = _pages.get(key)
        if values is None:
            first = page * PAGE
            count = min(PAGE, self._count - first)
            data = self._read(self._offset + first * self._length, count * self._length)
            values = packed(data, self._code, self._order)
            _pages.set(key, values)
        return values


def packed(data: bytes, code: str, order: str) -> Table:
    """The integers in a part of a file; `code` and `order` as of `PagedTable`."""
    table: Table = array(code, data)
    if (order == "<") != (sys.byteorder == "little"):
        table.byteswap()
    return table
