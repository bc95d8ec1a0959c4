#!/bin/sh
''':'
# Read by sh first: a web server may start this file without a PATH. For Python this part is a text.
PATH="${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin"
self=$(readlink -f "$0") || self=$0
python=${self%/*}/.venv/bin/python
[ -x "$python" ] || python=$(command -v python3) || { echo "iipserve: python3 is not installed" >&2; exit 1; }
exec "$python" "$self" "$@"
'''
"""Launcher of iipserve from a checkout: puts its own folder on the path and uses the `.venv` beside it."""

import os
import sys

folder = os.path.dirname(os.path.realpath(__file__))
environment = os.path.join(folder, ".venv")
python = os.path.join(environment, "bin", "python")
if os.access(python, os.X_OK) and os.path.realpath(sys.prefix) != os.path.realpath(environment):
    os.execv(python, [python, os.path.realpath(__file__), *sys.argv[1:]])
sys.path.insert(0, folder)

try:
    from iipserve.__main__ import main
except ModuleNotFoundError as error:
    if error.name and error.name.partition(".")[0] == "iipserve":
        raise
    sys.exit(f"iipserve: the Python package {error.name} is missing; {folder}/scripts/setup installs it")

if __name__ == "__main__":
    sys.exit(main())
