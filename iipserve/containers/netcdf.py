"""Headers of netCDF files with 64-bit offsets (CDF-2), written (NetCDF Classic Format Specification)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Value: TypeAlias = str | float | int | Sequence[float] | np.generic
"""Of an attribute."""

DIMENSIONS, VARIABLES, ATTRIBUTES = 10, 11, 12
"""Tags of lists."""
CHAR = "S1"
TYPES = {"int8": 1, CHAR: 2, "int16": 3, "int32": 4, "float32": 5, "float64": 6}
"""numpy name -> external type."""
MAX_LENGTH = 2**32 - 4
"""Bytes of a variable."""
UNIT = 4
"""Names, values and variables are padded to a multiple of so many bytes."""


class Variable(NamedTuple):
    """A variable with its values elsewhere."""

    name: str
    type: str
    """A key of `TYPES`."""
    dimensions: tuple[str, ...]
    attributes: Mapping[str, Value]


class Layout(NamedTuple):
    """A file up to its values."""

    header: bytes
    offsets: tuple[int, ...]
    """Where the values of each variable begin."""
    length: int
    """Of the whole file, in bytes."""


def lay_out(
    dimensions: Mapping[str, int], attributes: Mapping[str, Value], variables: Sequence[Variable]
) -> Layout:
    """A file without records; values follow in the order of variables, big-endian, each padded to `UNIT`.

    Args:
        dimensions: their lengths by name.
        attributes: of the file.
        variables: of different names.
    """
    lengths = [_length(variable, dimensions) for variable in variables]
    # offsets have a fixed length, so that of the header does not depend on them
    start = len(_header(dimensions, attributes, variables, lengths, [0] * len(variables)))
    offsets = [start + sum(lengths[:index]) for index in range(len(lengths))]
    header = _header(dimensions, attributes, variables, lengths, offsets)
    return Layout(header, tuple(offsets), start + sum(lengths))


def _length(variable: Variable, dimensions: Mapping[str, int]) -> int:
    count = 1
    for name in variable.dimensions:
        count *= dimensions[name]
    return _padded_length(count * np.dtype(variable.type).itemsize)


def _header(
    dimensions: Mapping[str, int],
    attributes: Mapping[str, Value],
    variables: Sequence[Variable],
    lengths: Sequence[int],
    offsets: Sequence[int],
) -> bytes:
    numbers = {name: number for number, name in enumerate(dimensions)}
    defined = [_name(name) + _count(length) for name, length in dimensions.items()]
    declared = [
        b"".join(
            (
                _name(variable.name),
                _count(len(variable.dimensions)),
                *(_count(numbers[name]) for name in variable.dimensions),
                _attributes(variable.attributes),
                struct.pack(">i", TYPES[variable.type]),
                struct.pack(">I", length),
                struct.pack(">q", offset),
            )
        )
        for variable, length, offset in zip(variables, lengths, offsets, strict=True)
    ]
    no_records = _count(0)
    return b"".join(
        (
            b"CDF\x02",
            no_records,
            _list(DIMENSIONS, defined),
            _attributes(attributes),
            _list(VARIABLES, declared),
        )
    )


def _attributes(attributes: Mapping[str, Value]) -> bytes:
    return _list(ATTRIBUTES, [_name(name) + _value(value) for name, value in attributes.items()])


def _value(value: Value) -> bytes:
    """Type, count and values of an attribute."""
    if isinstance(value, str):
        content = value.encode("utf-8", "replace")
        return struct.pack(">i", TYPES[CHAR]) + _count(len(content)) + _padded(content)
    values = np.atleast_1d(_typed(value))
    content = values.astype(values.dtype.newbyteorder(">")).tobytes()
    return struct.pack(">i", TYPES[values.dtype.name]) + _count(values.size) + _padded(content)


def _typed(value: float | int | Sequence[float] | np.generic) -> Any:
    if isinstance(value, np.generic):
        return value
    return np.int32(value) if isinstance(value, int) else np.asarray(value, np.float64)


def _list(tag: int, items: Iterable[bytes]) -> bytes:
    listed = list(items)
    return struct.pack(">i", tag if listed else 0) + _count(len(listed)) + b"".join(listed)


def _name(name: str) -> bytes:
    content = name.encode()
    return _count(len(content)) + _padded(content)


def _count(number: int) -> bytes:
    return struct.pack(">i", number)


def _padded(content: bytes) -> bytes:
    return content.ljust(_padded_length(len(content)), b"\0")


def _padded_length(length: int) -> int:
    return -(-length // UNIT) * UNIT
