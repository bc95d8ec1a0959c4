"""Frozen values as JSON: dataclasses and named tuples of numbers, texts, bytes, enumerations, tuples and mappings.

What is read is checked against the types: a file may have been written by another version, or by someone else.
"""

from __future__ import annotations

import base64
import enum
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, TypeAlias

Decode: TypeAlias = Callable[[Any], Any]
"""The value that JSON stands for. Raises `ValueError` if it stands for none."""


def encode(value: Any) -> Any:
    """A value as `json` writes it: those with fields as lists that begin with the name of the class."""
    kind: Any = type(value)
    if kind in (int, float, str, bool) or value is None:
        return value
    if isinstance(value, enum.Enum):
        return value.value
    if kind is bytes:
        return base64.b64encode(value).decode()
    if is_dataclass(value) or hasattr(value, "_fields"):
        return [kind.__name__, *(encode(getattr(value, name)) for name in field_names(kind))]
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    raise TypeError(f"{kind.__name__} has no form in JSON")


@cache
def field_names(kind: Any) -> tuple[str, ...]:
    """Names of the fields of a class, in order."""
    names: tuple[str, ...] = getattr(kind, "_fields", ())
    return names or tuple(field.name for field in fields(kind))


@cache
def decoder(hint: Any) -> Decode:
    """Reads values of a type.

    Raises:
        TypeError: the type has no form in JSON.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _union([decoder(argument) for argument in arguments])
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return _list(decoder(arguments[0]))
        return _fields(tuple, None, [decoder(argument) for argument in arguments])
    if origin is not None and issubclass(origin, Mapping):
        return _mapping
    if hint is type(None):
        return _nothing
    if hint is bytes:
        return _bytes
    if hint in (int, float, str, bool):
        return _plain(hint)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return hint
    if isinstance(hint, type) and (is_dataclass(hint) or hasattr(hint, "_fields")):
        hints = typing.get_type_hints(hint)
        decoders = [decoder(hints[name]) for name in field_names(hint)]
        make = hint._make if hasattr(hint, "_make") else lambda values: hint(*values)
        return _fields(make, hint.__name__, decoders)
    raise TypeError(f"{hint!r} has no form in JSON")


def _plain(kind: type) -> Decode:
    def decode(value: Any) -> Any:
        if type(value) is kind:
            return value
        if kind is float and type(value) is int:
            return float(value)
        raise ValueError

    return decode


def _nothing(value: Any) -> None:
    if value is not None:
        raise ValueError


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError
    return base64.b64decode(value, validate=True)


def _mapping(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError
    return MappingProxyType(value)


def _list(decode: Decode) -> Decode:
    def decode_list(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError
        return tuple([decode(item) for item in value])

    return decode_list


def _fields(make: Callable[[Any], Any], name: str | None, decoders: list[Decode]) -> Decode:
    start = int(name is not None)

    def decode_fields(value: Any) -> Any:
        if not isinstance(value, list) or len(value) != len(decoders) + start or (name and value[0] != name):
            raise ValueError
        return make([decode(item) for decode, item in zip(decoders, value[start:], strict=True)])

    return decode_fields


def _union(decoders: list[Decode]) -> Decode:
    def decode_union(value: Any) -> Any:
        for decode in decoders:
            try:
                return decode(value)
            except ValueError:
                continue
        raise ValueError

    return decode_union
