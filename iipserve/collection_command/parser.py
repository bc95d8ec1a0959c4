"""Arguments of `iipserve collection`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypeAlias

from iipserve.collections.values import ORDERS, RULES

if TYPE_CHECKING:
    Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

DESCRIPTION = """\
Manages collections of images, which are published as one layer each. Images stay where they are, below
FILESYSTEM_PREFIX. The store is that of the service file (SERVICES), or the one that --store names; a server
that uses it sees each change with the next request."""


def parser() -> argparse.ArgumentParser:
    """Of all commands."""
    top = argparse.ArgumentParser(prog="iipserve collection", description=DESCRIPTION, allow_abbrev=False)
    top.add_argument(
        "--store",
        metavar="STORE",
        help="path of an SQLite file, or address of a database: postgresql://HOST/NAME",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _create(commands)
    _add(commands)
    _remove(commands)
    _list(commands)
    _check(commands)
    _overview(commands)
    _exchange(commands)
    _watch(commands)
    _migrate(commands)
    return top


def _command(commands: Commands, name: str, help: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name, help=help, description=help[0].upper() + help[1:] + ".", allow_abbrev=False
    )


def _create(commands: Commands) -> None:
    create = _command(commands, "create", "make an empty collection")
    create.add_argument("name", metavar="NAME", help="of the collection: part of its addresses")
    create.add_argument("--title", default="")
    create.add_argument("--description", default="")
    create.add_argument("--keyword", action="append", default=[], dest="keywords", metavar="WORD")
    create.add_argument("--license", default="", help="an SPDX expression, or `other`")
    create.add_argument(
        "--rule", choices=RULES, default=RULES[0], help="how pixels of several images become one"
    )
    create.add_argument("--order", choices=ORDERS, default=ORDERS[0], help="which image is uppermost")
    delete = _command(commands, "delete", "drop a collection; its images stay where they are")
    delete.add_argument("name", metavar="NAME")


def _reading(command: argparse.ArgumentParser) -> None:
    """Options of commands that read images."""
    command.add_argument("--date", default="", help="of all images: 2024-01-31T10:15:00Z, 2024-01 or 2024")
    command.add_argument(
        "--date-pattern", default="", metavar="PATTERN",
        help="regular expression for the path of an image, with %%Y %%m %%d %%H %%M %%S or groups of those names",
    )  # fmt: skip
    command.add_argument("--date-field", default="", metavar="NAME", help="item of metadata with the date")
    command.add_argument(
        "--whole", action="store_true", help="take the whole image for its footprint, without reading pixels"
    )
    command.add_argument("--checksum", action="store_true", help="of files above 1 GiB too")
    command.add_argument(
        "--paths", action="store_true", help="name items by the whole path, with colons for slashes"
    )
    command.add_argument(
        "--jobs", type=_count, default=0, metavar="N", help="images read at once (one per core)"
    )


def _add(commands: Commands) -> None:
    add = _command(commands, "add", "add images, and read those again that have changed")
    add.add_argument("name", metavar="NAME")
    add.add_argument(
        "sources", nargs="+", metavar="SOURCE",
        help="files, folders and patterns, relative to the current folder or to FILESYSTEM_PREFIX",
    )  # fmt: skip
    _reading(add)


def _remove(commands: Commands) -> None:
    remove = _command(commands, "remove", "remove items; their images stay where they are")
    remove.add_argument("name", metavar="NAME")
    remove.add_argument("ids", nargs="*", metavar="ID", help="ids, or patterns of ids")
    remove.add_argument(
        "--missing", action="store_true", help="items whose file is missing, as `check` found"
    )
    remove.add_argument(
        "--broken", action="store_true", help="items whose file cannot be read, as `check` found"
    )


def _list(commands: Commands) -> None:
    listing = _command(commands, "list", "list all collections, or the items of one")
    listing.add_argument("name", nargs="?", metavar="NAME")


def _check(commands: Commands) -> None:
    check = _command(commands, "check", "find items whose file is missing, changed or broken")
    check.add_argument("name", metavar="NAME")
    check.add_argument(
        "--repair", action="store_true", help="read changed files again, and mark what is missing"
    )
    _reading(check)


def _overview(commands: Commands) -> None:
    overview = _command(commands, "overview", "build one image of a whole collection, with large pixels")
    overview.add_argument("name", metavar="NAME")
    overview.add_argument("output", nargs="?", default="", metavar="FILE",
        help="TIFF file below FILESYSTEM_PREFIX; by default in the overview_folder of the service file, where maps look for it",
    )  # fmt: skip
    overview.add_argument(
        "--pixel-size", type=_size, metavar="METRES", help="8192 pixels for the longer side by default"
    )
    overview.add_argument(
        "--crs", default="", metavar="EPSG:N", help="that of the images, or EPSG:3857, by default"
    )


def _exchange(commands: Commands) -> None:
    export = _command(commands, "export", "write the items of a collection as STAC")
    importing = _command(commands, "import", "add items that `export` or another program has written")
    for command in (export, importing):
        command.add_argument("name", metavar="NAME")
        command.add_argument("file", metavar="FILE", help="NDJSON; GeoParquet if its name ends in .parquet")
    _reading(importing)


def _watch(commands: Commands) -> None:
    watch = _command(commands, "watch", "add images of folders as they come, until a signal ends it")
    watch.add_argument(
        "name", nargs="?", metavar="NAME", help="without it, those of `watch` in the service file"
    )
    watch.add_argument("folder", nargs="?", metavar="FOLDER", help="below FILESYSTEM_PREFIX")
    watch.add_argument(
        "--interval", type=_size, default=10.0, metavar="SECONDS", help="between two looks (10)"
    )
    _reading(watch)


def _migrate(commands: Commands) -> None:
    migrate = _command(commands, "migrate", "copy all collections to another store")
    migrate.add_argument("target", metavar="STORE", help="as of --store; without collections of these names")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 999")
    return int(text)


def _size(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value
