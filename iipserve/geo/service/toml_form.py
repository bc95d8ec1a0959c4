"""Service files in TOML."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path as FilePath

from iipserve.config import Config
from iipserve.errors import ConfigError
from iipserve.geo.service import files, toml_lines
from iipserve.geo.service.source import ServiceSource

MAX_LENGTH = 8 << 20
"""Of a file, in bytes: enough for 20,000 layers."""
PLACE = re.compile(r"(.*?) \(at (?:line ([0-9]+), column [0-9]+|end of document)\)", re.DOTALL)
"""A message of `tomllib`."""


def read(path: FilePath, _: Config) -> ServiceSource:
    """Parse a file.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    text = files.text(path, MAX_LENGTH).replace("\r\n", "\n")
    if toml_lines.longest_key(text) > toml_lines.MAX_PARTS:
        raise ConfigError(f"{path.name}: a key has more than {toml_lines.MAX_PARTS} parts; use tables")
    try:
        data = tomllib.loads(text)
    except RecursionError as error:
        raise ConfigError(f"{path.name}: arrays or tables are nested too deeply") from error
    except ValueError as error:
        match = PLACE.fullmatch(str(error))
        if match is None:
            raise ConfigError(f"{path.name}: it is not TOML: {error}") from error
        line = match[2] or text.count("\n") + 1
        raise ConfigError(f"{path.name}, line {line}: it is not TOML: {match[1]}") from error

    @cache
    def lines() -> dict[toml_lines.Path, int]:
        return toml_lines.lines(text)

    return ServiceSource(data, lambda path: lines().get(path))
