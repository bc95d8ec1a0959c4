"""Every command of the documents is run, from a fresh clone, as the user of the tests and as another one."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import tifffile

from tests.documentation.clone import Clone, another_user
from tests.documentation.markdown import DOCUMENTS, Block, blocks, commands
from tests.end_to_end.running import ROOT, needed

Handler = Callable[[Clone, str], None]


def run(clone: Clone, command: str) -> None:
    """As it is."""
    clone.run(command)


def copied(clone: Clone, command: str) -> None:
    """A command that writes files; the last argument is where."""
    clone.run(command)
    assert Path(clone.here(shlex.split(command)[-1])).exists()


def installed(clone: Clone, command: str) -> None:
    """Without the index: what the package needs is already there."""
    clone.run(f"{command} --no-deps --no-build-isolation --no-index --quiet")
    assert clone.run("/opt/iipserve/bin/iipserve --version").startswith("iipserve ")


def checked(clone: Clone, command: str) -> None:
    """`--check`, which must find no mistake."""
    assert "read: TIFF" in clone.run(command)


def serves_fastcgi(clone: Clone, command: str) -> None:
    """A server on a port of FastCGI; over HTTP the same one is asked."""
    port = clone.port("8080")
    clone.port("9000")
    with clone.serving(f"{command} --http 127.0.0.1:8080", port):
        assert _status(port, "/iiif/a.tif/full/max/0/default.jpg") == 200


def serves_page(clone: Clone, command: str) -> None:
    """The demo, which looks for a port itself."""
    script = "import scripts.demo as demo; print(demo.free_port())"
    with (ROOT / "scripts" / "demo.py").open() as lock:
        # it takes the first free port, which another worker would find free as well
        fcntl.flock(lock, fcntl.LOCK_EX)
        port = int(clone.run(f"PYTHONPATH=. .venv/bin/python -c {shlex.quote(script)}"))
        with clone.serving(command, port):
            assert _status(port, "/") == 200


def asks_server(clone: Clone, command: str) -> None:
    """A command that asks a running server."""
    needed(shlex.split(command)[0])
    with clone.serving("./iipserve.fcgi --http 127.0.0.1:8080", clone.port("8080")):
        assert "iipserve" in clone.run(command)


def collects(clone: Clone, command: str) -> None:
    """Tests, which are only found: they are running now."""
    arguments = command.partition(" ")[2].replace("-m pytest", "")
    if "tests/" not in arguments:
        arguments += " tests/test_app.py tests/test_registry.py"
    listed = clone.run(f".venv/bin/python -m pytest --collect-only -q -p no:cacheprovider {arguments}")
    assert re.search(r"^tests/", listed, re.MULTILINE)


def selects_cases(clone: Clone, command: str) -> None:
    """The benchmark, which takes minutes: its options are read, and select something."""
    arguments = command.partition(" ")[2]
    assert clone.run(f"PYTHONPATH=. .venv/bin/python -m scripts.benchmark --list {arguments}")


def measures_store(clone: Clone, command: str) -> None:
    """The benchmark of a store, of a few images."""
    few = "--items 30 --seconds 0.01"
    assert "added 30 items" in clone.run(
        f"PYTHONPATH=. .venv/bin/python -m scripts.benchmark.collections {few}"
    )


def selects_loads(clone: Clone, command: str) -> None:
    """The benchmark under heavy load, which takes minutes."""
    assert clone.run("PYTHONPATH=. .venv/bin/python -m scripts.benchmark.pressure --list")


def loads_settings(clone: Clone, command: str) -> None:
    """The settings of Debian's iipsrv, which `--check` then accepts."""
    defaults = "VERBOSITY=1\nLOGFILE=-\nMAX_IMAGE_CACHE_SIZE=10\nJPEG_QUALITY=90\nMAX_CVT=5000\n"
    (clone.work / "etc/default/iipsrv").write_text(defaults)
    assert "JPEG_QUALITY = 90 (environment)" in clone.run(f"{command}; /opt/iipserve/bin/iipserve --check")


def makes_pyramid(clone: Clone, command: str) -> None:
    """libvips' command, whose file must be a pyramid of tiles."""
    needed("vips")
    clone.run(command)
    with tifffile.TiffFile(clone.folder / "scan.tif") as file:
        assert file.pages[0].is_tiled
        assert len(file.pages) > 1


def by_launcher(clone: Clone, command: str) -> None:
    """A command of the package, which need not be installed."""
    # a machine that is busy makes every image slow, which the status of `doctor` says
    allowed = "|| test $? = 1" if command.startswith("iipserve doctor ") else ""
    clone.run(f"./iipserve.fcgi {command.removeprefix('iipserve ')} {allowed}")


def as_oneself(clone: Clone, command: str) -> None:
    """`install`, which only root may do for another user."""
    clone.run(re.sub(r"-o www-data -g www-data ", "", command))


HANDLERS: list[tuple[str, Handler]] = [
    (r"python3 -m venv /opt/iipserve", run),
    (r"/opt/iipserve/bin/pip install (\.|'\.\[geo\]')", installed),
    (r"(FILESYSTEM_PREFIX=\S+ LOGFILE=- )?/opt/iipserve/bin/iipserve --check", checked),
    (r"set -a; . /etc/default/iipsrv; set \+a", loads_settings),
    (r"(FILESYSTEM_PREFIX=\S+ )?\S*iipserve(\.fcgi)? --bind 127.0.0.1:9000", serves_fastcgi),
    (r"scripts/demo \S.*", serves_page),
    (r"scripts/test .*|.venv/bin/python -m pytest .*", collects),
    (r"scripts/bench( --.*)?", selects_cases),
    (r"scripts/bench collections", measures_store),
    (r"scripts/bench pressure", selects_loads),
    (r"scripts/(fuzz|torture) --help", run),
    (r"(cp|install -m 0640) conf/\S+ .*", copied),
    (r"install -d .*", as_oneself),
    (r"vips tiffsave .*", makes_pyramid),
    (r"iipserve (doctor|convert) .*", by_launcher),
    (r"curl .*", asks_server),
]
ONCE: tuple[Handler, ...] = (collects, selects_cases)
"""Handlers that do not depend on the user."""
NOT_RUN = {
    "scripts/demo": "makes images of 600 megapixels; it is run with images",
    "scripts/test": "runs this test",
    "scripts/test-pythons": "as above, with other versions of Python",
    "scripts/test-pythons 3.13 -x tests/cache": "as above",
    "scripts/test-pythons --bench 3.11 3.13": "measures for minutes",
    "npm install --prefix /opt/iipserve/share/iipserve openseadragon@^6": "needs a registry; as in scripts/setup",
    "systemctl daemon-reload": "there is no systemd in a test; test_samples.py verifies the units",
    "systemctl enable --now iipserve": "as above",
    "podman build --format docker -t iipserve -f conf/Containerfile .": "needs a registry; test_samples.py walks the file",
    "podman run --read-only --tmpfs /tmp -p 8080:8080 -v /srv/images:/images:ro iipserve": "as above",
}
"""Commands that no test can run, each with the reason."""
NOT_COMMANDS = {
    ("docs/architecture.md", "web server (FastCGI)"): "a picture, compared in test_generated.py",
    ("docs/deployment.md", "location /images/ {"): "run in test_samples.py",
    (
        "docs/deployment.md",
        "2026-03-01 12:00:00,123 [4711] INFO",
    ): "a line of the log, compared in test_texts.py",
    (
        "docs/deployment.md",
        "2026-03-01 12:00:00,123 [4711] WARNING slow request",
    ): "a line of the log, of which tests/transport/test_request_log.py is",
    ("docs/migration.md", "[Service] ExecStart= ExecStart=/opt"): "verified in test_samples.py",
    ("docs/migration.md", "# instead of ScriptAlias"): "run in test_samples.py",
    ("docs/security.md", "memory: 2 workers"): "a line of --check, compared in test_texts.py",
    ("docs/services.md", "[service] title"): "read in tests/geo/test_service.py",
    ("docs/protocols.md", "OBJ=statistics"): "a form of JSON, compared in test_texts.py",
}
"""Blocks of something else, by document and beginning, each with the reason."""
OTHER_TESTS = ("docs/viewers.md", "docs/collections.md")
"""Documents whose blocks other tests use: test_viewers.py opens the pages, test_collections_guide.py sends the requests."""
WITH_COMMANDS = [path for path in DOCUMENTS if any(block.language == "sh" for block in blocks(path))]


def handler_of(command: str) -> Handler | None:
    return next((handler for pattern, handler in HANDLERS if re.fullmatch(pattern, command)), None)


def is_known(block: Block) -> bool:
    start = " ".join(block.text.split())
    return block.document in OTHER_TESTS or any(
        document == block.document and start.startswith(words) for document, words in NOT_COMMANDS
    )


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_block_is_run_or_listed(path: Path) -> None:
    for block in blocks(path):
        if block.language != "sh":
            assert is_known(block), f"{block}: mark it as sh, or list it in NOT_COMMANDS with the reason"
            continue
        for command in commands(block):
            listed = command in NOT_RUN
            assert listed != bool(handler_of(command)), (
                f"{block}: {command!r} has no handler and is not listed"
            )


def test_lists_hold_nothing_else() -> None:
    found = {
        command
        for path in DOCUMENTS
        for block in blocks(path)
        if block.language == "sh"
        for command in commands(block)
    }
    assert NOT_RUN.keys() <= found
    for pattern, _ in HANDLERS:
        assert any(re.fullmatch(pattern, command) for command in found), pattern
    others = [block for path in DOCUMENTS for block in blocks(path) if block.language != "sh"]
    assert len(NOT_COMMANDS) == len([block for block in others if block.document not in OTHER_TESTS])


@pytest.fixture(scope="module", params=["the user of the tests", "another user"])
def clone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    if request.param == "the user of the tests":
        return Clone(tmp_path_factory.mktemp("work"), [])
    if os.geteuid() != 0:
        pytest.skip("the tests run as another user than root already")
    return Clone(tmp_path_factory.mktemp("work"), another_user())


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=lambda path: path.name)
def test_commands_work_as_written(clone: Clone, path: Path) -> None:
    for block in blocks(path):
        for command in commands(block) if block.language == "sh" else ():
            handler = handler_of(command)
            if handler and command not in clone.done and not (clone.is_another_user and handler in ONCE):
                handler(clone, command)
                clone.done.add(command)


def _status(port: int, path: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=120) as answer:
        return int(answer.status)
