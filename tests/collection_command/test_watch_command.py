from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.collection_command.running import Folder
from tests.geo_rasters import KINDS


@pytest.mark.parametrize("is_stated", [False, True])
def test_images_are_added_as_they_come(is_stated: bool, folder: Folder, tmp_path: Path) -> None:
    environ = {**os.environ, "FILESYSTEM_PREFIX": f"{folder.images}/"}
    command = [sys.executable, "-m", "iipserve", "collection"]
    if is_stated:
        environ["SERVICES"] = str(tmp_path / "service.toml")
        (tmp_path / "service.toml").write_text(
            '[collections]\nstore = "store.sqlite"\nwatch = [["demo", "images"]]\n'
        )
        command += ["watch", "--interval", "0.05"]
    else:
        command += ["--store", folder.url, "watch", "demo", str(folder.images), "--interval", "0.05"]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        KINDS["utm"](folder.images)
        assert process.stdout.readline() == "1 added, 0 updated, 0 unchanged, 0 failed\n"
        KINDS["wgs84"](folder.images)
        assert process.stdout.readline() == "1 added, 0 updated, 0 unchanged, 0 failed\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.communicate()
    assert folder.ids() == ["utm.tif", "wgs84.tif"]


def test_watching_nothing_is_refused(folder: Folder) -> None:
    assert folder.run("watch").status == 1
    assert folder.run("watch", "demo").status == 1
    assert folder.run("watch", "none", str(folder.images)).status == 1
