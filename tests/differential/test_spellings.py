"""Spellings of requests, asked of Debian's iipsrv and of this server with its default settings."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from PIL import Image

from iipserve import __version__, config
from iipserve.app import Application, build
from tests.differential.client import answer_at
from tests.differential.comparing import difference
from tests.differential.iipsrv import PROGRAM, Iipsrv
from tests.differential.pictures import rgb, write
from tests.differential.replies import Died, Reply
from tests.differential.spellings import ALIKE, DIFFERENCES, MAPPED, NAMES, SCRIPT, UNDEFINED, Difference
from tests.differential.tolerances import tolerance_of
from tests.end_to_end.running import needed

URI_MAP = "iiif=>IIIF"
TOLERANCE = tolerance_of(["scale", "default quality"])
LISTED = [(row, address) for rows in DIFFERENCES.values() for row in rows for address in row.addresses]
COMPARABLE = [case for case in LISTED if case[0].theirs != UNDEFINED]
PLAIN = [address for addresses in ALIKE.values() for address in addresses]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spellings")
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name == NAMES[0]:
            write(folder / name, rgb())
        else:
            os.link(folder / NAMES[0], folder / name)
    return folder


@pytest.fixture(scope="module")
def iipsrv(images: Path) -> Iterator[Iipsrv]:
    needed(str(PROGRAM))
    with Iipsrv(images, URI_MAP=URI_MAP) as server:
        yield server


@pytest.fixture(scope="module")
def applications(images: Path) -> Iterator[dict[str, Application]]:
    """Ours, by the setting that is not the default."""
    settings = {row.setting for row, _ in LISTED} | {""}
    found = {
        setting: build(
            config.from_environ(
                {"FILESYSTEM_PREFIX": f"{images}/", "URI_MAP": URI_MAP}
                | dict([setting.split("=", 1)] if setting else [])
            )
        )
        for setting in settings
    }
    yield found
    for application in found.values():
        application.clear()


class Mapped(NamedTuple):
    """Both servers with a URI_MAP, and what they are asked."""

    application: Application
    server: Iipsrv
    addresses: Sequence[str]


def full(address: str) -> str:
    return address if address.startswith("/") else SCRIPT + address


def theirs(server: Iipsrv, address: str) -> Reply | None:
    """The answer of iipsrv, without the error that it appends to the body where a parameter is no command."""
    try:
        reply = server.ask_at(full(address))
    except Died:
        return None
    return reply._replace(body=reply.body.partition(b"Server: iipsrv/")[0])


def summary(reply: Reply | None) -> str:
    """What was answered, in a few words, as the table has it."""
    if reply is None:
        return UNDEFINED
    if reply.status != 200:
        return str(reply.status)
    body = reply.body
    if body.startswith((b"\xff\xd8", b"\x89PNG", b"RIFF")):
        with Image.open(io.BytesIO(body)) as picture:
            return f"{picture.format} {picture.width} x {picture.height}"
    if body.lstrip().startswith(b"<"):
        ElementTree.fromstring(body.strip())
        return "XML"
    if b"iiif.io" in body:
        return f"info.json of version {json.loads(body)['@context'].split('/')[-2]}"
    return ", ".join(body.decode("latin-1").replace(__version__, "VERSION").split("\r\n")).strip(", \n")


def is_listed(found: str, listed: str) -> bool:
    """Whether a summary is the listed one; a listed format stands for any size."""
    return found == listed or (" " not in listed and re.fullmatch(rf"{listed} \d+ x \d+", found) is not None)


@pytest.mark.parametrize("address", PLAIN)
def test_alike(applications: dict[str, Application], iipsrv: Iipsrv, address: str) -> None:
    own, other = answer_at(applications[""], full(address)), theirs(iipsrv, address)
    found = difference(own, other, TOLERANCE)
    assert found is None, f"{found.kind.value}: {found.detail}"
    assert summary(own) == summary(other)


@pytest.fixture(scope="module", params=MAPPED)
def mapped(request: pytest.FixtureRequest, images: Path) -> Iterator[Mapped]:
    needed(str(PROGRAM))
    settings = {"FILESYSTEM_PREFIX": f"{images}/", "URI_MAP": request.param}
    application = build(config.from_environ(settings))
    with Iipsrv(images, URI_MAP=request.param) as server:
        yield Mapped(application, server, MAPPED[request.param])
    application.clear()


def test_alike_below_a_prefix(mapped: Mapped) -> None:
    found = {
        address: difference(answer_at(mapped.application, address), theirs(mapped.server, address), TOLERANCE)
        for address in mapped.addresses
    }
    assert found == dict.fromkeys(mapped.addresses)


@pytest.mark.parametrize(("row", "address"), LISTED, ids=[address for _, address in LISTED])
def test_listed_answer(applications: dict[str, Application], row: Difference, address: str) -> None:
    found = summary(answer_at(applications[""], full(address)))
    assert is_listed(found, row.ours), found


@pytest.mark.parametrize(("row", "address"), COMPARABLE, ids=[address for _, address in COMPARABLE])
def test_listed_difference(
    applications: dict[str, Application], iipsrv: Iipsrv, row: Difference, address: str
) -> None:
    own, other = answer_at(applications[""], full(address)), theirs(iipsrv, address)
    assert is_listed(summary(other), row.theirs), summary(other)
    assert summary(own) != summary(other) or difference(own, other, TOLERANCE) is not None


@pytest.mark.parametrize(
    ("setting", "address"), [(row.setting, address) for row, address in LISTED if row.setting]
)
def test_setting_removes_the_difference(
    applications: dict[str, Application], iipsrv: Iipsrv, setting: str, address: str
) -> None:
    own, other = answer_at(applications[setting], full(address)), theirs(iipsrv, address)
    assert difference(own, other, TOLERANCE) is None
    assert summary(own) == summary(other)


def test_each_spelling_is_asked_once() -> None:
    asked = [*PLAIN, *(address for _, address in LISTED)]
    assert len(asked) == len(set(asked))
    assert len(asked) >= 130
