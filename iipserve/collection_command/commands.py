"""What each command on collections does. Each gives the exit status: 1 if something was wrong with an image."""

from __future__ import annotations

import argparse
import fnmatch
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

from iipserve.collection_command import listing
from iipserve.collection_command.opening import Opened, place_of
from iipserve.collection_jobs.adding import Adder, Outcome
from iipserve.collection_jobs.checking import BUSY
from iipserve.collection_jobs.checking import checked as checked_items
from iipserve.collection_jobs.exchange import Importer, read_documents, write_items
from iipserve.collection_jobs.finding import Finder
from iipserve.collection_jobs.overviews import overview_of, renew
from iipserve.collection_jobs.watching import Watch
from iipserve.collections.identifiers import checked
from iipserve.collections.values import BROKEN, MISSING, Collection, Item
from iipserve.command_line.progress import Progress
from iipserve.engine.image_dates import DateRules, compiled
from iipserve.engine.image_items import MAX_CHECKSUM, ItemOptions
from iipserve.errors import InvalidRequest, StoreUnavailable

BATCH = 500
"""Items that are changed at once."""

Options: TypeAlias = argparse.Namespace
Command: TypeAlias = Callable[[Opened, Options], int]


def create(opened: Opened, options: Options) -> int:
    """Make an empty collection."""
    collection = Collection(
        name=checked(options.name, "the collection"),
        title=options.title,
        description=options.description,
        keywords=tuple(options.keywords),
        license=options.license,
        rule=options.rule,
        order=options.order,
    )
    opened.store.create(collection)
    return 0


def delete(opened: Opened, options: Options) -> int:
    """Drop a collection."""
    opened.store.delete(options.name)
    return 0


def add(opened: Opened, options: Options) -> int:
    """Add images."""
    opened.store.collection(options.name)
    identifiers = list(_finder(opened).identifiers(options.sources))
    adder = adder_of(opened, options, options.name)
    with Progress(opened.err, f"adding to {options.name}", len(identifiers)) as progress:
        outcome = _sum(adder.add(identifiers), progress)
    return opened.report(outcome)


def _finder(opened: Opened) -> Finder:
    """What finds the images that arguments name."""
    context = opened.context
    return Finder(context.roots, context.library, partial(place_of, roots=context.roots))


def _sum(outcomes: Iterable[Outcome], progress: Progress | None = None) -> Outcome:
    """Of all batches."""
    total = Outcome()
    for outcome in outcomes:
        total = total.plus(outcome)
        if progress is not None:
            progress.step(outcome.total)
    return total


def adder_of(opened: Opened, options: Options, name: str) -> Adder:
    """What adds images to a collection."""
    return Adder(opened.context, name, reading(options), whole_paths=options.paths, jobs=options.jobs)


def reading(options: Options) -> ItemOptions:
    """How images are read.

    Raises:
        InvalidRequest: the pattern of dates is none.
    """
    if options.date_pattern:
        compiled(options.date_pattern)
    return ItemOptions(
        dates=DateRules(options.date, options.date_pattern, options.date_field),
        max_checksum=None if options.checksum else MAX_CHECKSUM,
        reads_pixels=not options.whole,
        max_pixels=None,
    )


def remove(opened: Opened, options: Options) -> int:
    """Remove items."""
    if not (options.ids or options.missing or options.broken):
        raise InvalidRequest(
            "nothing says which items to remove: give ids, patterns of ids, --missing or --broken"
        )
    store = opened.store
    plain = [each for each in options.ids if not set(each) & set("*?[")]
    count = store.delete_items(options.name, plain)
    patterns = [each for each in options.ids if each not in plain]
    if patterns or options.missing or options.broken:
        chosen = (item.id for item in store.items(options.name) if _is_chosen(item, patterns, options))
        for ids in batches(list(chosen)):
            count += store.delete_items(options.name, ids)
    opened.out.write(f"{count} removed\n")
    return 0


def _is_chosen(item: Item, patterns: list[str], options: Options) -> bool:
    if any(fnmatch.fnmatchcase(item.id, pattern) for pattern in patterns):
        return True
    return bool(
        (options.missing and item.status == MISSING) or (options.broken and item.status.startswith(BROKEN))
    )


def batches(values: list[Any]) -> Iterator[list[Any]]:
    """The values, `BATCH` at a time."""
    for start in range(0, len(values), BATCH):
        yield values[start : start + BATCH]


def show(opened: Opened, options: Options) -> int:
    """List collections, or the items of one."""
    lines: Iterable[str]
    if options.name is None:
        lines = listing.collection_lines(opened.store.collections())
    else:
        lines = listing.item_lines(opened.store.items(options.name))
    opened.out.writelines(f"{line}\n" for line in lines)
    return 0


def check(opened: Opened, options: Options) -> int:
    """Compare items with their files; with `--repair`, make the items agree with them."""
    collection, read = opened.store.collection(options.name), reading(options)
    wrong: list[str] = []
    with Progress(opened.err, f"checking {options.name}", collection.summary.count) as progress:
        for found in progress.over(
            checked_items(opened.context, options.name, read if options.repair else None)
        ):
            if found is not None:
                wrong += [found.item.id] if found.state != BUSY else []
                opened.out.write(f"{found.item.id}: {found.state}\n")
    verb = "repaired" if options.repair else "not as they were"
    opened.out.write(f"{collection.summary.count} items, {len(wrong)} {verb}\n")
    return 1 if wrong and not options.repair else 0


def watch(opened: Opened, options: Options) -> int:
    """Add images of folders as they come."""
    finder = _finder(opened)
    watched = []
    for name, folder in _watched(opened, options):
        opened.store.collection(name)
        watched.append(
            (
                adder_of(opened, options, name),
                Watch(partial(finder.below, folder), opened.context.library.is_image),
            )
        )
    with _signals() as ended:
        while True:
            for adder, folder_watch in watched:
                _add_ready(opened, adder, folder_watch)
            if ended.wait(options.interval):
                return 0


def _add_ready(opened: Opened, adder: Adder, folder: Watch) -> None:
    """Add what has come; a store or a folder that is away is asked again later."""
    ready: list[str] = []
    try:
        ready = folder.ready()
        if ready:
            opened.report(_sum(adder.add(ready)))
    except (StoreUnavailable, OSError) as error:
        folder.again(ready)
        opened.err.write(f"{error}\n")


def _watched(opened: Opened, options: Options) -> Sequence[tuple[str, str]]:
    """Names of collections, and folders."""
    if options.name is not None and options.folder is not None:
        return [(options.name, options.folder)]
    pairs = opened.context.settings.watch if opened.context.settings else ()
    chosen = [pair for pair in pairs if options.name in (None, pair[0])]
    if not chosen:
        raise InvalidRequest(
            "nothing says what to watch: give a collection and a folder, or state `watch` in the service file"
        )
    return chosen


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set."""
    ended = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def overview(opened: Opened, options: Options) -> int:
    """Build one image of a whole collection."""
    collection = opened.store.collection(options.name)
    builder, path = overview_of(opened.context, collection, options.output, options.pixel_size, options.crs)
    with Progress(opened.err, f"overview of {options.name}", builder.blocks) as progress:
        for _ in progress.over(builder.write(path)):
            pass
    renew(opened.store, options.name)
    size = builder.shape.grid.size
    opened.out.write(
        f"{path}: {size.width} x {size.height} pixels, {len(builder.failures)} images left out\n"
    )
    opened.err.writelines(f"{identifier}: {reason}\n" for identifier, reason in builder.failures.items())
    return 1 if builder.failures else 0


def export(opened: Opened, options: Options) -> int:
    """Write the items of a collection into a file."""
    total = opened.store.collection(options.name).summary.count
    with Progress(opened.err, f"writing {options.file}", total) as progress:
        count = write_items(progress.over(opened.store.items(options.name)), options.file)
    opened.out.write(f"{count} items written\n")
    return 0


def import_(opened: Opened, options: Options) -> int:
    """Add the items of a file."""
    opened.store.collection(options.name)
    importer = Importer(opened.context, options.name, reading(options))
    with Progress(opened.err, f"reading {options.file}", None) as progress:
        outcome = _sum(importer.add(read_documents(options.file)), progress)
    return opened.report(outcome)


def migrate(opened: Opened, options: Options) -> int:
    """Copy all collections to another store."""
    from iipserve.collections.transfer import transfer

    total = sum(collection.summary.count for collection in opened.store.collections())
    with Progress(opened.err, "copying items", total) as progress:
        count = transfer(opened.url, options.target, lambda done, _: progress.reach(done))
    opened.out.write(f"{count} items copied\n")
    return 0


COMMANDS: Mapping[str, Command] = {
    "create": create,
    "delete": delete,
    "add": add,
    "remove": remove,
    "list": show,
    "check": check,
    "overview": overview,
    "watch": watch,
    "export": export,
    "import": import_,
    "migrate": migrate,
}
