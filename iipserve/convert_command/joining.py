"""TIFF files of one page each, joined into one file of many pages, whose directories are written anew with more fields.

Pixels stay where libvips wrote them; only directories are written again, at the end of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from iipserve.containers.field_types import TYPE_LENGTHS
from iipserve.containers.ifd import Directory, Entry, Field, read_chain, read_directory
from iipserve.containers.tags import SUB_IFDS, TILE_OFFSETS
from iipserve.convert_command.fields import WRITTEN_BY_LIBVIPS, PageFields
from iipserve.convert_command.tiff_output import TiffOutput
from iipserve.errors import DecodeError


def join(parts: Sequence[Path], pages: Sequence[PageFields]) -> Path:
    """Join files; the first becomes the result, whose path is returned.

    Args:
        parts: of libvips: one page each, all classic TIFF or all BigTIFF. With several parts, smaller levels are SubIFDs.
        pages: the fields of each.

    Raises:
        DecodeError: a part is not such a file.
        OSError: there is no room.
    """
    with parts[0].open("r+b") as file:
        output = TiffOutput(file)
        bases = [0, *(_appended(output, part) for part in parts[1:])]
        following = 0
        for base, fields in reversed(list(zip(bases, pages, strict=True))):
            chain = list(read_chain(output.reader(base)))
            if len(parts) > 1 and len(chain) > 1:
                raise DecodeError("a page has its levels in the chain of directories")
            following = _write_page(output, chain, base, fields, following)
        output.finish(following)
    return parts[0]


def _appended(output: TiffOutput, part: Path) -> int:
    with part.open("rb") as source:
        if source.read(4) != output.head[:4]:
            raise DecodeError("pages of classic TIFF and of BigTIFF")
        source.seek(0)
        return output.append_file(source)


def _write_page(
    output: TiffOutput, chain: Sequence[Directory], base: int, fields: PageFields, following: int
) -> int:
    """Write the directories of a page: full size, smaller levels behind it, SubIFDs.

    Args:
        output: where to.
        chain: of the part, full size first.
        base: where the part begins.
        fields: of the page.
        following: offset of the next page; 0 after the last.

    Returns:
        Offset of the directory of the full size.
    """
    for directory in reversed(chain[1:]):
        following = output.write_directory(_entries(output, directory, base, fields.every), following)
    first = chain[0]
    levels = [
        output.write_directory(_entries(output, read_directory(first.reader, offset), base, fields.every), 0)
        for offset in first.integers(SUB_IFDS)
    ]
    added = [*fields.every, *fields.first]
    if levels:
        added.append(output.offsets(SUB_IFDS, levels))
    for tag, inner in fields.pointed.items():
        added.append(output.offsets(tag, [output.write_directory(output.entries(inner), 0)]))
    return output.write_directory(_entries(output, first, base, added), following)


def _entries(output: TiffOutput, directory: Directory, base: int, added: Iterable[Field]) -> dict[int, Entry]:
    """Those of a directory of a part, where it is in the whole file, with fields added."""
    entries = {
        tag: _moved(output, directory, tag, entry, base)
        for tag, entry in directory.entries.items()
        if tag not in WRITTEN_BY_LIBVIPS
    }
    return entries | output.entries(added)


def _moved(output: TiffOutput, directory: Directory, tag: int, entry: Entry, base: int) -> Entry:
    length = TYPE_LENGTHS[entry.type] * entry.size
    fits = length <= len(entry.inline)
    if not base or (fits and tag != TILE_OFFSETS):
        return entry
    if tag != TILE_OFFSETS:
        return output.moved(entry, base)
    value = entry.inline[:length] if fits else directory.reader.bytes_at(output.offset_of(entry), length)
    code = np.dtype(f"<u{TYPE_LENGTHS[entry.type]}")
    table = np.frombuffer(value, code) + code.type(base)
    return output.entry(Field(tag, entry.type, table.astype(code).tobytes()))
