"""glymur with the newer of two OpenJPEG libraries. Import glymur from here only.

glymur looks for libopenjp2 once, when it is imported, and decides by its version what it can do. It finds only
the system's library; the imagecodecs wheel holds a copy, which it finds too if it is imported here. It also reads
a configuration file (glymurrc) in the working folder and below HOME, and fails if it may not look there: a daemon
started as another user often has root's HOME.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["LIBRARY", "glymur", "lib"]


def version_of(path: str | None) -> tuple[int, ...]:
    """The version of the library at a path; empty if it cannot be loaded."""
    if path is None:
        return ()
    try:
        library = ctypes.CDLL(path)
    except OSError:
        return ()
    library.opj_version.restype = ctypes.c_char_p
    return tuple(int(part) for part in re.findall(rb"\d+", library.opj_version()))


def bundled_library() -> str | None:
    """The path of the libopenjp2 in the imagecodecs wheel, or None."""
    spec = importlib.util.find_spec("imagecodecs")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]).parent / "imagecodecs.libs"
    return next(map(str, sorted(folder.glob("libopenjp2*"))), None)


def newest_library(name: str) -> str | None:
    """`ctypes.util.find_library`, but the bundled OpenJPEG if it is newer than the system's."""
    found = _find_on_system(name)
    return max((found, bundled_library()), key=version_of) if name == "openjp2" else found


_find_on_system: Callable[[str], str | None] = ctypes.util.find_library


@contextmanager
def _finding_newest_library() -> Iterator[None]:
    """`ctypes.util.find_library`, the only way glymur asks for a library, is `newest_library` inside the block."""
    setattr(ctypes.util, "find_library", newest_library)  # noqa: B010 (a function is not assignable for mypy)
    try:
        yield
    finally:
        setattr(ctypes.util, "find_library", _find_on_system)  # noqa: B010


def _load_configuration_module() -> None:
    """Import `glymur.config` before the rest of glymur, and let it find no configuration file."""
    package = importlib.util.find_spec("glymur")
    if package is None or not package.submodule_search_locations:
        return
    path = Path(package.submodule_search_locations[0], "config.py")
    spec = importlib.util.spec_from_file_location("glymur.config", path)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    setattr(module, "glymurrc_fname", lambda: None)  # noqa: B010 (mypy knows no such function)
    sys.modules["glymur.config"] = module


with _finding_newest_library():
    _load_configuration_module()
    import glymur
    import glymur.lib.openjp2 as lib

if lib.OPENJP2 is None:
    raise ModuleNotFoundError("no libopenjp2 on the system or in imagecodecs", name="libopenjp2")

LIBRARY = ctypes.CDLL(lib.OPENJP2._name)
"""The library glymur has chosen, for functions that glymur does not wrap. Prototypes set on it are not glymur's."""
