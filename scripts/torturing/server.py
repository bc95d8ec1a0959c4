"""The server that is disturbed, with memcached and nginx where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from iipserve.config import load
from iipserve.config.memory import allowed_bytes
from scripts.torturing.clients import Ports
from scripts.torturing.records import Kills
from scripts.torturing.subjects import write_subjects
from tests.cache.servers import Memcached
from tests.end_to_end.processes import workers_of
from tests.end_to_end.running import daemon, nginx
from tests.ports import free_port

SETTINGS = {
    "MAX_RENDER_MEMORY": "128",
    "MAX_METADATA_CACHE_SIZE": "1000",
    "REQUEST_TIMEOUT": "120",
}
SERVICES = """
[collections]
store = "{work}/collections.sqlite"
editable = true
"""
START_SECONDS = 120.0


@dataclass
class Scene:
    """What runs."""

    work: Path
    """Folder of the log and of temporary files."""
    images: Path
    process: subprocess.Popen[bytes]
    """The supervisor."""
    count: int
    """Of workers."""
    ports: Ports
    memcached: Memcached | None
    kills: Kills
    memory: float
    """Bytes that the settings allow a worker."""

    @property
    def log(self) -> str:
        """What the server has logged."""
        return (self.work / "iipserve.log").read_text(errors="replace")

    def workers(self) -> list[int]:
        """Processes of the supervisor."""
        return workers_of(self.process)

    def is_whole(self) -> bool:
        """Whether as many workers run as have to."""
        return len(self.workers()) == self.count

    @contextmanager
    def broken_services(self) -> Iterator[None]:
        """Let the service file have a mistake until the block ends."""
        path = services_of(self.work)
        content = path.read_text()
        _replace(path, "[collections\n")
        try:
            yield
        finally:
            _replace(path, content)


def _replace(path: Path, content: str) -> None:
    """Write a file at once: half of it, or nothing, would be a service without collections."""
    written = path.with_suffix(".new")
    written.write_text(content)
    written.replace(path)


def services_of(work: Path) -> Path:
    """The service file."""
    return work / "services.toml"


@contextmanager
def running(work: Path, count: int) -> Iterator[Scene]:
    """Run everything, with images and a store in the folder `work`, until the block ends."""
    images, outside = work / "images", work / "outside"
    for folder in (images, outside, work / "tmp"):
        folder.mkdir()
    write_subjects(images, outside)
    services = services_of(work)
    services.write_text(SERVICES.format(work=work))
    fastcgi = free_port()
    http = next(port for port in iter(free_port, None) if port != fastcgi)
    with ExitStack() as stack:
        memcached = _memcached(stack)
        settings = SETTINGS | {"SERVICES": str(services), "WORKERS": str(count), "TMPDIR": str(work / "tmp")}
        if memcached is not None:
            settings["MEMCACHED_SERVERS"] = f"127.0.0.1:{memcached.port}"
        addresses = {"fastcgi": f"127.0.0.1:{fastcgi}", "http": f"127.0.0.1:{http}"}
        arguments = ("--bind", addresses["fastcgi"], "--http", addresses["http"])
        process = stack.enter_context(daemon(images, work, *arguments, ports=[fastcgi, http], **settings))
        front = None
        if shutil.which("nginx"):
            front = int(stack.enter_context(nginx(work, **addresses)).rpartition(":")[2])
        scene = Scene(
            work, images, process, count, Ports(fastcgi, http, front), memcached, Kills(work / "kills"),
            allowed_bytes(load(settings).config),
        )  # fmt: skip
        wait_for(scene.is_whole, "workers do not start")
        yield scene


def _memcached(stack: ExitStack) -> Memcached | None:
    if not shutil.which("memcached"):
        return None
    memcached = Memcached()
    memcached.start()
    stack.callback(memcached.stop)
    return memcached


def wait_for(condition: Callable[[], object], text: str, seconds: float = START_SECONDS) -> None:
    """Wait until a condition is true.

    Raises:
        RuntimeError: it is not in the time.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(text)
        time.sleep(0.02)


def resident_peak(worker: int) -> int:
    """The most bytes of memory that a process ever had; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{worker}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:")), 0)


def environment() -> str:
    """What the figures were measured with."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
