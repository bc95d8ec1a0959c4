"""Helpers of the tests of JPEG 2000."""

from __future__ import annotations

from pathlib import Path

from iipserve.sources import Source

# -- kinds of samples ------------------------------------------------------------------------------


def patched(path: Path, changes: dict[int, bytes]) -> None:
    """Overwrite bytes, counted from the codestream's first."""
    data = bytearray(path.read_bytes())
    start = data.find(b"\xff\x4f\xff\x51")
    for place, value in changes.items():
        data[start + place : start + place + len(value)] = value
    path.write_bytes(bytes(data))


def sides(source: Source) -> list[tuple[int, int]]:
    """The decode block of each level."""
    return [(level.tile.width, level.tile.height) for level in source.info.levels]
