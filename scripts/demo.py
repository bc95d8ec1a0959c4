"""Serves images to a browser on this computer, until it is interrupted.

Usage: demo.py [--port PORT] [IMAGE_OR_FOLDER ...]

One folder is served as it is. Several images or folders are gathered by hard links in a folder of .cache,
because the server follows no symbolic links out of its folder; what cannot be linked is copied, if
it is small. Nothing given is ever written to. Collections of images can be made in the browser; they end
with the demo.

SIGTERM ends it as Ctrl-C does. scripts/demo sends it, because Python could not handle Ctrl-C at any moment.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts import gallery
from scripts.gallery import collection

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache"
FIRST_PORT = 8080
PORTS_TRIED = 100
COPY_LIMIT = 500_000_000
"""Files longer than this, in bytes, are not copied."""
START_SECONDS = 30.0
END_SECONDS = 5.0
ENDING = (signal.SIGINT, signal.SIGTERM)
INTERRUPTED = 130
"""Exit status after Ctrl-C, as of shells."""
SERVICES = """
[service]
title = "Demo of iipserve"

[collections]
name = "demo"
store = "collections.sqlite"
services = ["rest", "wmts", "wmts-china", "wms", "wcs", "mapml"]
editable = true
downloadable = true
"""
"""The service file."""


def parser() -> argparse.ArgumentParser:
    """The arguments."""
    made = argparse.ArgumentParser(
        prog="demo", description=(__doc__ or "").partition("\n")[0], allow_abbrev=False
    )
    made.add_argument("--port", type=int, help=f"without it, the first one from {FIRST_PORT} on that is free")
    made.add_argument("images", nargs="*", type=Path, metavar="IMAGE_OR_FOLDER")
    return made


def main() -> int:
    """Serve until interrupted; the exit status."""
    options = parser().parse_args()
    try:
        port = free_port(options.port)
        CACHE.mkdir(exist_ok=True)
        if not options.images:
            # SIGTERM ends this at once: what is unfinished is made anew
            gallery.make(CACHE / "gallery")
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with (
            tempfile.TemporaryDirectory(prefix="demo-", dir=CACHE) as gathered,
            tempfile.TemporaryDirectory(prefix="demo-service-", dir=CACHE) as kept,
        ):
            folder = folder_of(options.images, Path(gathered))
            services = write_services(Path(kept), None if options.images else folder / "Uploads")
            return serve(folder, services, port, has_collection=not options.images)
    except OSError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED


def write_services(folder: Path, uploads: Path | None) -> Path:
    """Write the service file into a folder, where the store will be too.

    Args:
        folder: to write to.
        uploads: where uploaded images are kept, below the images; None for nowhere.

    Returns:
        Its path.
    """
    path = folder / "services.toml"
    # texts of JSON are texts of TOML
    path.write_text(SERVICES + (f"upload_folder = {json.dumps(str(uploads))}\n" if uploads else ""))
    return path


def folder_of(given: list[Path], gathered: Path) -> Path:
    """The folder to serve: the gallery, the one that is given, or `gathered`.

    Raises:
        OSError: something given does not exist, or can be neither linked nor copied.
    """
    for path in given:
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist")
    if not given:
        return CACHE / "gallery"
    if len(given) == 1 and given[0].is_dir():
        return given[0].resolve()
    gather(given, gathered)
    return gathered


def gather(given: list[Path], folder: Path) -> None:
    """Make these files and folders appear in an empty folder."""
    for path in given:
        target = free_name(folder, path.resolve().name)
        if path.is_dir():
            shutil.copytree(path, target, copy_function=link, ignore_dangling_symlinks=True)
        else:
            link(str(path.resolve()), str(target))


def free_name(folder: Path, name: str) -> Path:
    """A path in `folder` that is not taken: `name`, or `name (2)` and so on."""
    path, number = folder / name, 2
    while path.exists():
        path = folder / f"{Path(name).stem} ({number}){Path(name).suffix}"
        number += 1
    return path


def link(source: str, target: str) -> str:
    """Make `target` the same file as `source`, or a copy of it where that is impossible."""
    try:
        os.link(source, target)
    except OSError as error:
        if os.stat(source).st_size > COPY_LIMIT:
            raise OSError(
                f"{source} is too large to copy, and cannot be linked; give the folder it is in"
            ) from error
        shutil.copyfile(source, target)
    return target


def free_port(wanted: int | None = None) -> int:
    """The port that is wanted, else the first one from 8080 on that nothing listens on.

    Raises:
        OSError: it cannot be had, or none can.
    """
    for port in [wanted] if wanted else range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        with socket.socket() as probe:
            # a server that has just ended leaves the port in TIME_WAIT, which does no harm
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                reason = (
                    "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
                )
                continue
            return port
    if wanted:
        raise OSError(f"port {wanted} {reason}; give another one with --port, or none")
    raise OSError(f"no port from {FIRST_PORT} on is free; give one with --port")


def serve(folder: Path, services: Path, port: int, *, has_collection: bool) -> int:
    """Run the server until it ends, or this is interrupted; its status, 0 when it was asked to end.

    Args:
        folder: of the images.
        services: the service file.
        port: of the server.
        has_collection: a collection is made of the scenes of the gallery.
    """
    environ = os.environ | {"FILESYSTEM_PREFIX": f"{folder}{os.sep}", "FILESYSTEM_SUFFIX": "", "URI_MAP": ""}
    environ |= {"SERVICES": str(services), "IIIF_COLLECTIONS": "1"}
    environ = {"LOGFILE": "-", "MAX_IMAGE_CACHE_SIZE": "100"} | environ
    command = [sys.executable, str(ROOT / "iipserve.fcgi"), "--http", f"127.0.0.1:{port}"]
    with running(command, environ) as server:
        address = f"http://127.0.0.1:{port}/"
        if answers(address, server):
            if has_collection:
                make_collection(address)
            print(
                f"\n  {folder} is shown at {address}\n  Its map: {address}viewer/map.html\n"
                f"  Its maps in <mapml-viewer>: {address}viewer/mapml.html\n"
                f"  Collections of its images: {address}viewer/collections.html\n  Ctrl-C ends it.\n",
                flush=True,
            )
            open_browser(address)
        status = server.wait()
    return 0 if status in (0, -signal.SIGINT, -signal.SIGTERM) else status


@contextmanager
def running(command: list[str], environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A server for the length of the block, with its workers; at the end it is not waited for what it answers."""
    # no signal may come between the start and the block; the server lets them through itself
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    server = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        yield server
    finally:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        server.send_signal(signal.SIGINT)
        try:
            server.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def make_collection(address: str) -> None:
    """Make the collection of the gallery, or say why there is none."""
    try:
        collection.make(address)
    except OSError as error:
        print(f"demo: there is no collection: {error}", file=sys.stderr)


def answers(address: str, server: subprocess.Popen[bytes]) -> bool:
    """Whether the server answers, within the time it may take to start."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            time.sleep(0.05)
    return False


def open_browser(address: str) -> None:
    """Show the address, where there is a desktop to show it on."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)


if __name__ == "__main__":
    sys.exit(main())
