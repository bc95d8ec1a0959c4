"""Service files in the form of MapServer's map files: raster layers, and the metadata of its OGC services.

Reference: MapServer 8.0, "Mapfile" and "OGC Support and Configuration". A map file is turned into the tables and keys of the
TOML form. What of it means nothing to this server, or is not understood, becomes a note with its line; nothing that the
file says of raster layers is dropped silently. INCLUDE is refused.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.geo.service import files, map_blocks, map_coverages
from iipserve.geo.service.map_blocks import Notes, by_keyword, metadata
from iipserve.geo.service.map_layers import MapLayers
from iipserve.geo.service.map_service import check_allowed, read_service
from iipserve.geo.service.source import ServiceSource
from iipserve.geo.service.toml_lines import Path

MAX_LENGTH = 512 << 10
"""Of a map file, in bytes: parsing 64 KiB takes 0.3 to 2 s."""
EXPECTED = re.compile(r"\s*Expected one of:.*", re.DOTALL)
"""What the parser adds to its messages."""
PLACE = re.compile(r",? at line ([0-9]+),? col(?:umn)? ([0-9]+)\.?")


def read(path: FilePath, config: Config) -> ServiceSource:
    """Parse a file.

    Raises:
        ConfigError: it cannot be read, is no map file, or includes another one.
    """
    text = files.text(path, MAX_LENGTH)
    found = _parsed(text, path.name)
    if not isinstance(found, dict) or found.get("__type__") != "map":
        raise ConfigError(f"{path.name}: it must begin with MAP")
    _refuse_includes(found, path.name)
    notes, lines, data = Notes(), dict[Path, int](), dict[str, Any]()
    web = found.get("web", {})
    stated = metadata(web, notes) if isinstance(web, Mapping) else []
    service = by_keyword(stated, notes, apart=map_coverages.is_apart)
    check_allowed(service, path.name)
    read_service(found, service, data, lines, notes)
    requests = map_coverages.read_service(found, stated, service, data, lines, notes)
    MapLayers(found, _folder(found, path), path.name, config, notes).read(data, lines, service, requests)
    map_coverages.add_operations(requests, data, lines)
    return ServiceSource(data, lines.get, tuple(notes.lines(path.name)))


def _parsed(text: str, name: str) -> Any:
    """The map as dictionaries and lists. Raises `ConfigError`."""
    from mappyfile import transformer

    logger = logging.getLogger("mappyfile")
    level, logger.level = logger.level, logging.CRITICAL
    try:
        to_dict: Any = transformer.MapfileToDict  # which is not annotated
        return to_dict(include_position=True).transform(_parser().parse(text))
    except RecursionError as error:
        raise ConfigError(f"{name}: blocks or expressions are nested too deeply") from error
    except Exception as error:  # the parser's own errors, of several unrelated classes
        message = EXPECTED.sub("", str(error)).strip().splitlines() or [type(error).__name__]
        place = PLACE.search(message[0])
        line = f", line {place[1]}" if place else ""
        raise ConfigError(f"{name}{line}: it is no map file: {PLACE.sub('', message[0])}") from error
    finally:
        logger.level = level


@cache
def _parser() -> Any:
    """Made once, which takes 0.2 s."""
    from mappyfile.parser import Parser

    return Parser(expand_includes=False)


def _refuse_includes(block: Any, name: str) -> None:
    """Raises `ConfigError` if a file is included anywhere."""
    stack = [block]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack += item
        elif isinstance(item, dict):
            if "include" in item and item.get("__type__") != "metadata":
                line = map_blocks.line(item, "include")
                raise ConfigError(
                    f"{name}, line {line}: INCLUDE is not followed; insert the text of the file"
                )
            stack += [value for key, value in item.items() if key != "__position__"]


def _folder(found: Mapping[str, Any], path: FilePath) -> str:
    """The folder to which paths of images are relative: SHAPEPATH, else that of the map file."""
    return os.path.normpath(os.path.join(os.path.abspath(path.parent), str(found.get("shapepath", ""))))
