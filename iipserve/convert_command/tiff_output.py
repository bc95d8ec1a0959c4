"""A TIFF or BigTIFF file to whose end values and directories are written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO

from iipserve.containers.field_types import TYPE_LENGTHS, FieldType
from iipserve.containers.ifd import VARIANTS, Entry, Field, Reader
from iipserve.errors import DecodeError

ALIGNMENT = 8
"""Directories and values begin at multiples of this many bytes."""
HEADER_LENGTH = 16
"""Bytes of the longer header; that of classic TIFF has 8."""


class TiffOutput:
    """The file."""

    def __init__(self, file: BinaryIO) -> None:
        """Go on with a file that has a header.

        Args:
            file: open for reading and writing.

        Raises:
            DecodeError: its byte order is not that of `fields.ORDER`.
        """
        self._file = file
        file.seek(0)
        self.head = file.read(HEADER_LENGTH)
        """The header."""
        self._variant = VARIANTS[self.head[:4]]
        if self._variant.order != "<":
            raise DecodeError("libvips wrote another byte order")

    def reader(self, base: int = 0) -> Reader:
        """A reader of the file as if it began at an offset."""
        number = self._file.fileno()
        self._file.flush()
        length = os.fstat(number).st_size - base
        return Reader.of(lambda count, offset: os.pread(number, count, base + offset), self.head, length)

    def append(self, *pieces: bytes | memoryview) -> int:
        """Write data to the end; returns where it begins."""
        offset = self.end()
        for piece in pieces:
            self._file.write(piece)
        return offset

    def append_file(self, source: BinaryIO) -> int:
        """Write another file to the end; returns where it begins."""
        offset = self.end()
        while piece := source.read(1 << 20):
            self._file.write(piece)
        return offset

    def end(self) -> int:
        """The end of the file, at which writing goes on."""
        end = self._file.seek(0, os.SEEK_END)
        self._file.write(bytes(-end % ALIGNMENT))
        return self._file.tell()

    def entry(self, field: Field) -> Entry:
        """A field, whose value is written to the end where it does not fit."""
        count = len(field.value) // TYPE_LENGTHS[field.type]
        room = self._variant.offset.size
        if len(field.value) <= room:
            return Entry(field.type, count, field.value.ljust(room, b"\0"))
        return Entry(field.type, count, self._variant.offset.pack(self.append(field.value)))

    def entries(self, fields: Iterable[Field]) -> dict[int, Entry]:
        """Fields by tag."""
        return {field.tag: self.entry(field) for field in fields}

    def offsets(self, tag: int, offsets: Sequence[int]) -> Field:
        """A field of offsets of directories."""
        is_big = self._variant.offset.size > 4
        type = FieldType.IFD8 if is_big else FieldType.LONG
        return Field(tag, type, b"".join(self._variant.offset.pack(each) for each in offsets))

    def offset_of(self, entry: Entry) -> int:
        """Where the value of an entry is that does not fit into it."""
        return int(self._variant.offset.unpack(entry.inline)[0])

    def moved(self, entry: Entry, base: int) -> Entry:
        """An entry of a file that begins at an offset of this one, whose value does not fit into it."""
        return entry._replace(inline=self._variant.offset.pack(self.offset_of(entry) + base))

    def write_directory(self, entries: Mapping[int, Entry], following: int) -> int:
        """Write a directory to the end; returns its offset.

        Args:
            entries: by tag.
            following: offset of the next one of the chain; 0 at its end.
        """
        variant = self._variant
        rows = (variant.entry.pack(tag, *entries[tag]) for tag in sorted(entries))
        return self.append(variant.count.pack(len(entries)), *rows, variant.offset.pack(following))

    def finish(self, first: int) -> None:
        """Make the header point to the first directory, and write everything to the disk."""
        self._file.seek(self._variant.first_offset_at)
        self._file.write(self._variant.offset.pack(first))
        self._file.flush()
        os.fsync(self._file.fileno())
