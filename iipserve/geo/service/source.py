"""A service file as parsed, whichever form it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from iipserve.geo.service.toml_lines import Path


class ServiceSource(NamedTuple):
    """Tables and keys as in `keys.SECTIONS`, not checked yet."""

    data: Mapping[str, Any]
    line_of: Callable[[Path], int | None]
    """The line of a table or key."""
    notes: tuple[str, ...] = ()
    """What the file says that this server does not understand: a line for each, with its number."""
