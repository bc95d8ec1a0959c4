"""The validator of the IIIF consortium (PyPI `iiif-validator`): all its tests, of every version of the Image API.

Its picture is 1000 x 1000 pixels: squares of 100 pixels whose colors it knows.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest

from tests.end_to_end.running import daemon
from tests.images import write_tiff_pyramid
from tests.ports import free_port

# python-magic is there without the library it needs where libmagic1 is not installed
magic: Any = pytest.importorskip("magic", exc_type=ImportError)
validator: Any = pytest.importorskip("iiif_validator.validator", exc_type=ImportError)

EXPECTED_FAILURES: Mapping[str, Mapping[str, str]] = {
    "1.1": {},
    "2.0": {},
    "3.0": {
        "size_up": "^max is as large as maxWidth, maxHeight and maxArea allow (section 4.2), not the full size",
        "size_noup": "!w,h is at most the region's size (section 4.2), not an error",
    },
}
"""By version and test: what the specification says instead, and where."""
SQUARE = 100


def squares() -> np.ndarray[Any, Any]:
    """The picture, lossless: colors are `colorInfo[column][row]`."""
    colors = np.array(validator.ValidationInfo().colorInfo, np.uint8).transpose(1, 0, 2)
    return np.ascontiguousarray(colors.repeat(SQUARE, axis=0).repeat(SQUARE, axis=1))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a server with the picture as squares.tif."""
    folder, work = tmp_path_factory.mktemp("images"), tmp_path_factory.mktemp("work")
    write_tiff_pyramid(folder / "squares.tif", squares(), compression="deflate")
    port = free_port()
    with daemon(folder, work, "--http", f"127.0.0.1:{port}", ports=[port]):
        yield f"127.0.0.1:{port}"


class Python2Urllib:
    """What the validator's tests of JP2, PDF and WebP use of Python 2: bodies are text."""

    def urlopen(self, url: str) -> Any:
        """The answer, with `read`, `getcode` and `close`."""
        answer = urlopen(url, timeout=120)
        body = answer.read().decode("latin-1")
        return SimpleNamespace(read=lambda: body, getcode=lambda: answer.status, close=answer.close)


class OldMagic:
    """The interface of python-magic that these tests use, by its present one."""

    def __enter__(self) -> OldMagic:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def id_buffer(self, body: str) -> str:
        """What libmagic takes the text of a body for."""
        kind: str = magic.from_buffer(body.encode("latin-1"))
        return kind


@pytest.fixture(autouse=True)
def python_2(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("jp2", "pdf", "webp"):
        module = importlib.import_module(f"iiif_validator.tests.format_{name}")
        monkeypatch.setattr(module, "urllib", Python2Urllib())
        monkeypatch.setattr(module, "magic", SimpleNamespace(Magic=OldMagic), raising=False)


def complaint(server: str, version: str, name: str) -> str:
    """What the validator has against the server in one test; empty if nothing."""
    suite = validator.TestSuite(validator.ValidationInfo())
    asked = validator.ImageAPI("squares.tif", server, f"iiif/{version[0]}", version=version, debug=False)
    try:
        suite.run_test(name, asked)
    except Exception as error:  # what a test of the validator itself stumbles over
        return f"{error!r} {asked.urls[-1:]}"
    return f"{asked.exception} {asked.urls[-1:]}" if asked.exception else ""


def names(version: str) -> list[str]:
    """All tests of a version."""
    return sorted(validator.TestSuite(validator.ValidationInfo()).list_tests(version))


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The validator gives up after 5 seconds, and then takes an answer for one without headers."""
    monkeypatch.setattr(validator, "urlopen", lambda request, timeout: urlopen(request, timeout=120))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("version", EXPECTED_FAILURES)
def test_only_what_the_specification_decides_otherwise_fails(server: str, version: str) -> None:
    complaints = {name: complaint(server, version, name) for name in names(version)}
    assert len(complaints) > 30
    failed = {name: text for name, text in complaints.items() if text}
    assert failed.keys() == EXPECTED_FAILURES[version].keys(), failed
