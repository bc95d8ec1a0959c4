"""Values of map files: lists, and which requests are answered."""

from __future__ import annotations

from typing import Any

from iipserve.geo.service.toml_lines import Path


def put(data: dict[str, Any], lines: dict[Path, int], key: str, value: Any, place: int) -> bool:
    """Set a key unless it is set; False if it has another value."""
    *tables, name = key.split(".")
    for table in tables:
        data = data.setdefault(table, {})
    if name not in data:
        data[name] = value
        lines[tuple(key.split("."))] = place
    return bool(data[name] == value)


def split(text: str) -> list[str]:
    """The entries of a list, separated by commas or, without any, by spaces."""
    entries = text.split(",") if "," in text else text.split()
    return [entry.strip() for entry in entries if entry.strip()]


def allowed(text: str, names: tuple[str, ...]) -> bool:
    """Whether the text of an enable_request allows an operation, by any of its names in lower case."""
    is_allowed = False
    for word in text.lower().replace(",", " ").split():
        if word.lstrip("!") in (*names, "*"):
            is_allowed = not word.startswith("!")
    return is_allowed


def decided(text: str, name: str) -> bool | None:
    """Whether the text of an enable_request allows an operation; None where it does not mention it."""
    words = {word.lstrip("!") for word in text.lower().replace(",", " ").split()}
    return allowed(text, (name.lower(),)) if words & {name.lower(), "*"} else None


def is_enabled(name: str, of_layer: str, of_service: str) -> bool:
    """Whether an operation is answered for a layer: what is said of the layer goes before what is said of the service."""
    stated = decided(of_layer, name)
    return bool(decided(of_service, name) if stated is None else stated)
