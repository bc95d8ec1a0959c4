"""Warnings of libraries in the log: libvips' own about a real file, and how many of them there are."""

from __future__ import annotations

import logging
import re
import struct
import zlib
from io import BytesIO
from pathlib import Path
from threading import get_ident

import pytest
from PIL import Image

from iipserve import app
from iipserve.config import Config
from iipserve.exchange import READING, Exchange, phase, running
from iipserve.http import Request
from iipserve.transport import foreign_warnings, logs
from iipserve.transport.service import MonitoredApplication


@pytest.fixture(autouse=True)
def _log(own_log: Path) -> None:
    logs.set_up(Config(logfile=str(own_log)))


def messages(path: Path) -> list[str]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.split(" ", 4)[4] for line in lines]


def test_warnings_of_libvips_name_the_image(tmp_path: Path, own_log: Path) -> None:
    path, written = tmp_path / "odd.png", BytesIO()
    Image.new("L", (64, 64), 7).save(written, "png")
    data, crc = written.getvalue(), zlib.crc32(b"tEXt")
    # a chunk without the name that it must have, after the header
    path.write_bytes(data[:33] + struct.pack(">I4sI", 0, b"tEXt", crc) + data[33:])
    config = Config(filesystem_prefix=f"{tmp_path}/")
    server = MonitoredApplication(app.build(config), config)
    exchange = server.answer(Request("GET", "/iiif/3/odd.png/full/max/0/default.png", "", {}))
    assert exchange.response.status == 200
    found = [message for message in messages(own_log) if "VIPS" in message]
    assert found == ["'odd.png': VIPS: tEXt: too short"], (
        "once, although libvips says it whenever it reads the file"
    )


def test_messages_of_libraries_are_limited_in_rate(own_log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(foreign_warnings, "monotonic", lambda: clock[0])
    logger = logging.getLogger("pyvips")
    for number in range(1000):
        logger.warning("VIPS: %d", number)
        logging.getLogger("iipserve.engine").warning("own %d", number)
    assert sum(message.startswith("own ") for message in messages(own_log)) == 1000
    kept = [message for message in messages(own_log) if message.startswith("VIPS: ")]
    assert kept == [f"VIPS: {number}" for number in range(foreign_warnings.MAX_PER_PERIOD)]
    clock[0] += foreign_warnings.PERIOD
    for _ in range(3):
        logger.warning("later")
    left_out = 1000 - foreign_warnings.MAX_PER_PERIOD
    assert messages(own_log)[-2].startswith("own ")
    assert messages(own_log)[-1] == f"later ({left_out} messages of libraries before it were left out)"


def test_in_a_thread_of_a_library_all_images_that_are_read_are_named(own_log: Path) -> None:
    exchanges = [Exchange() for _ in range(5)]
    for number, exchange in enumerate(exchanges):
        exchange.reading = f"{number}.tif"
        running[-1 - number] = exchange
    try:
        logging.getLogger("pyvips").warning("odd")
    finally:
        for number in range(len(exchanges)):
            del running[-1 - number]
    assert messages(own_log) == ["'0.tif', '1.tif', '2.tif', ...: odd"]


def test_nothing_is_named_outside_of_reading(own_log: Path) -> None:
    running[get_ident()] = Exchange()
    try:
        with phase(READING, "a\n.tif"):
            logging.getLogger("tifffile").warning("inside")
        logging.getLogger("tifffile").warning("outside")
    finally:
        del running[get_ident()]
    assert messages(own_log) == [r"'a\n.tif': inside", "outside"]
    assert re.fullmatch(r"[\x20-\x7e\n]*", own_log.read_text())
