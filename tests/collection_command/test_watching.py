from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from iipserve.collection_command.watching import Watch
from tests.collection_command.running import Folder
from tests.geo_rasters import KINDS


def test_files_are_taken_once_they_settle(tmp_path: Path) -> None:
    watch = Watch(lambda: ((path.name, str(path)) for path in sorted(tmp_path.iterdir())))
    assert watch.ready() == []
    (tmp_path / "a").write_bytes(b"1")
    assert watch.ready() == []
    (tmp_path / "a").write_bytes(b"12")
    assert watch.ready() == []
    assert watch.ready() == ["a"]
    assert watch.ready() == []
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "b").write_bytes(b"1")
    assert watch.ready() == []
    assert watch.ready() == ["a", "b"]


def test_images_are_added_as_they_come(folder: Folder) -> None:
    environ = {**os.environ, "FILESYSTEM_PREFIX": f"{folder.images}/"}
    command = [sys.executable, "-m", "iipserve", "collection", "--store", folder.url]
    command += ["watch", "demo", str(folder.images), "--interval", "0.05"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        KINDS["utm"](folder.images)
        assert process.stdout.readline() == "1 added, 0 updated, 0 unchanged, 0 failed\n"
        KINDS["wgs84"](folder.images)
        assert process.stdout.readline() == "1 added, 0 updated, 0 unchanged, 0 failed\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()
    assert folder.ids() == ["utm.tif", "wgs84.tif"]
