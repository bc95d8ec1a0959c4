"""The commands that docs/collections.md lists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.collection_command.running import Folder
from tests.end_to_end.running import ROOT
from tests.geo_rasters import KINDS

TEXT = (ROOT / "docs" / "collections.md").read_text()
ENDLESS = ("watch", "migrate postgresql")
"""Commands that run until they are ended, or need a database: other tests run them."""


def test_listed_commands_do_what_they_say(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = TEXT.partition("## On the command line")[2].partition("\n\n`iipserve collection COMMAND")[0]
    commands = [
        each
        for row in re.findall(r"^\| (`.*?) \| ", table, re.MULTILINE)
        for each in re.findall("`(.*?)`", row)
    ]
    assert len(commands) >= 10
    (folder.images / "scenes").mkdir()
    (folder.images / "overviews").mkdir()
    KINDS["utm"](folder.images / "scenes").rename(folder.images / "scenes" / "winter.tif")
    KINDS["utm"](folder.images / "scenes")
    service = tmp_path / "service.toml"
    service.write_text('[collections]\nstore = "store.sqlite"\noverview_folder = "images/overviews"\n')
    monkeypatch.chdir(tmp_path)
    for command in commands:
        if not command.startswith(ENDLESS):
            done = folder.run(*shlex.split(command), store="", SERVICES=str(service))
            assert done.status == 0, (command, done)
