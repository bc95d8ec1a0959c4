"""The plug-in mechanism: a module or package in a folder ends in a constant, and is thereby registered."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

log = logging.getLogger(__name__)


def discover(package: str, constant: str) -> Mapping[str, Any]:
    """Collect `constant` from every module and package in `package`, by the value's `name`.

    Installed distributions add to it through entry points of the group `package`, each naming a value of the
    same type. A module whose foreign package is missing is logged and left out. Modules without the constant
    are helpers.

    Raises:
        ValueError: two values share one name.
    """
    found: dict[str, Any] = {}
    for value in (*_built_in(package, constant), *_installed(package)):
        if value.name in found:
            raise ValueError(f"{package} has two entries named {value.name!r}")
        found[value.name] = value
    return MappingProxyType(found)


def _built_in(package: str, constant: str) -> list[Any]:
    folder = importlib.import_module(package)
    values = []
    for module_info in pkgutil.iter_modules(folder.__path__, package + "."):
        try:
            module = importlib.import_module(module_info.name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == "iipserve":
                raise
            log.warning("%s is left out: the package %s is not installed", module_info.name, error.name)
            continue
        if hasattr(module, constant):
            values.append(getattr(module, constant))
    return values


def _installed(group: str) -> list[Any]:
    return [entry_point.load() for entry_point in entry_points(group=group)]
