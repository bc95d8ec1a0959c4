"""A folder converted on a cluster of Dask: a scheduler and two workers, and a command that is killed half-way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from tests.convert_command.running import PATIENCE, convert, recorded, results
from tests.end_to_end.running import ROOT, running
from tests.images import smooth
from tests.ports import free_port

# only processes of their own import it
if find_spec("distributed") is None:
    pytest.skip("distributed is not installed", allow_module_level=True)

FILES = int(os.environ.get("CONVERT_FILES", "12"))


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a cluster of two workers. They are killed: one that has converted takes seconds to end by itself."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    start = [sys.executable, "-W", "ignore", "-m"]
    environ = {"PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__WORKER__DAEMON": "False"}
    with ExitStack() as stack:
        command = [
            *start,
            "distributed.cli.dask_scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--no-dashboard",
        ]
        stack.enter_context(
            running(command, [port], tmp_path / "scheduler.log", ending=signal.SIGKILL, **environ)
        )
        for number in range(2):
            command = [
                *start, "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                "--memory-limit", "0", "--local-directory", str(tmp_path / f"worker{number}"),
            ]  # fmt: skip
            log = tmp_path / f"worker{number}.log"
            stack.enter_context(running(command, [], log, ending=signal.SIGKILL, **environ))
        yield address


def test_a_killed_command_goes_on_with_the_same_results(tmp_path: Path, scheduler: str) -> None:
    folder, target = tmp_path / "images", tmp_path / "pyramids"
    folder.mkdir()
    for number in range(FILES - 1):
        Image.fromarray(smooth((40 + number, 30))).save(folder / f"{number:03}.jpg")
    (folder / "broken.jpg").write_bytes((folder / "000.jpg").read_bytes()[:500])
    command = [sys.executable, "-W", "ignore", "-m", "iipserve", "convert", str(folder), str(target)]
    process = subprocess.Popen([*command, "--scheduler", scheduler], cwd=ROOT, stderr=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE + FILES
    while len(recorded(target)) < FILES // 3 and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = recorded(target)
    assert before
    done = subprocess.run(
        [*command, "--scheduler", scheduler],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE + FILES,
    )
    assert done.returncode == 1
    assert done.stdout == f"{FILES - 1 - len(before)} converted, {len(before)} unchanged, 1 failed\n"
    assert done.stderr.splitlines()[-1].startswith("broken.jpg: ")
    assert before.items() <= recorded(target).items()
    local = tmp_path / "local"
    assert convert(folder, local, "--jobs", "1").status == 1
    assert results(target) == results(local)
    for name in results(local):
        assert (target / name).read_bytes() == (local / name).read_bytes()
