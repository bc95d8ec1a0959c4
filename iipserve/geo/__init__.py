"""Geospatial values and rules: grids, coordinate reference systems, tile matrix sets, layers and their documents.

Importing this package loads numpy and the standard library only. What needs pyproj, lxml, rasterio or mappyfile, the
packages of the extra `geo`, imports them when it is first called; `require` says so where they are missing.
"""

from __future__ import annotations

import threading
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from iipserve.errors import NotInstalled

PACKAGES = ("lxml", "mappyfile", "pyproj", "rasterio")
"""Of the extra `geo`."""

_importing = threading.Lock()


@cache
def missing_packages() -> tuple[str, ...]:
    """Names of the packages of the extra that are not installed."""
    return tuple(name for name in PACKAGES if find_spec(name) is None)


def require() -> None:
    """See that the extra is installed.

    Raises:
        NotInstalled: a package is missing.
    """
    if missing := missing_packages():
        raise NotInstalled(
            f"map services need Python packages that are not installed here ({', '.join(missing)}); "
            "the administrator can install them with: pip install 'iipserve[geo]'"
        )


def load(package: str) -> None:
    """Import a package of the extra, before any of its modules is imported, by one thread at a time.

    Where one thread imports a package that imports its modules, and another thread such a module, each waits for the
    other's lock. Python ends that by giving one of them a package that is not complete.

    Raises:
        NotInstalled: a package of the extra is missing.
    """
    require()
    _import(package)


@cache
def _import(package: str) -> None:
    with _importing:
        import_module(package)
