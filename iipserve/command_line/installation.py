"""What to say of an installation that lacks something."""

from __future__ import annotations

import sys
from pathlib import Path

SETUP = Path(__file__).resolve().parents[2] / "scripts" / "setup"
"""Of a checkout."""


def unusable_package(error: ImportError) -> str:
    """A sentence that names the package that cannot be imported, and what would do.

    Raises:
        ImportError: the same, if the fault is this package's own.
    """
    package = (error.name or "").partition(".")[0]
    if package == "iipserve":
        raise error
    is_missing = isinstance(error, ModuleNotFoundError) and package
    what = (
        f"the Python package {package} is missing"
        if is_missing
        else f"a Python package cannot be used ({error})"
    )
    if SETUP.exists():
        return f"{what}; delete .venv and run {SETUP}"
    return f"{what}; install iipserve anew: {sys.executable} -m pip install --force-reinstall iipserve"
