"""The benchmark's rows: their names, and addresses that the daemon answers."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from iipserve import app
from iipserve.config import Config
from scripts.benchmark import __main__ as benchmark
from scripts.benchmark.cases import CASES, Case, paths_of
from scripts.benchmark.figures import FIGURES
from scripts.benchmark.images import COVERAGE, DEEP, LARGE_PNG, MAP, Image, make_links
from scripts.benchmark.pressure import DEFLATE, JPEG, LOADS, PNG_COPIES, UNTILED, Load, probes
from scripts.benchmark.rasters import write_raster
from scripts.benchmark.servers import write_layers
from tests.images import smooth, write_tiff_pyramid
from tests.test_app import ask

NAMES = [row.name for row in (*CASES, *FIGURES)]
PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
SIZE = (2600, 2100)
LINKS = 60
"""At most; rows name thousands."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph and a georeferenced raster."""
    made = tmp_path_factory.mktemp("images")
    write_tiff_pyramid(made / "a.tif", smooth(SIZE), compression="jpeg")
    for name in (MAP, COVERAGE):
        write_raster(made / name, [smooth(SIZE)])
    return made


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit status of `scripts/bench` with these arguments, which end it early."""
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    monkeypatch.setattr(benchmark, "make_images", None)
    with pytest.raises(SystemExit) as ended:
        benchmark.main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("names", ["nonsense", "warm|nonsense", "crowd on 20,000", ".*"])
def test_unknown_row_is_an_error_that_lists_those_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], names: str
) -> None:
    assert run(monkeypatch, "--only", names) == 2
    text = capsys.readouterr().err
    assert all(name in text for name in NAMES)


def test_list(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--list", "--long") == 0
    assert capsys.readouterr().out.splitlines() == NAMES
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("case", [case for case in CASES if not case.long], ids=lambda case: case.name)
def test_addresses_are_answered(folder: Path, case: Case) -> None:
    picture = Image(case.image if case.image in (MAP, COVERAGE) else "a.tif", *SIZE, levels=5)
    make_links(folder, picture, min(case.links, LINKS))
    services = str(write_layers(folder / "benchmark.map", folder, case)) if case.services else ""
    application = app.build(Config(filesystem_prefix=f"{folder}/", services=services))
    asked = paths_of(case, {case.image: picture})
    linked = ((path, re.search(r"(\d{5})-", path)) for path in asked)
    known = [path for path, number in linked if number is None or int(number[1]) < LINKS]
    assert known
    for path in (known[0], known[-1]):
        assert ask(application, f"/{path}").status == (404 if case.refused else 200)


@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.name)
def test_what_is_asked_for_under_heavy_load(folder: Path, load: Load) -> None:
    pictures = {name: Image(name, *SIZE, levels=5) for name in (JPEG, DEFLATE, DEEP, UNTILED, LARGE_PNG)}
    for name in pictures:
        if not (folder / name).exists():
            (folder / name).hardlink_to(folder / "a.tif")
    make_links(folder, pictures[LARGE_PNG], PNG_COPIES)
    application = app.build(Config(filesystem_prefix=f"{folder}/"))
    tiles = [next(addresses) for addresses in probes(pictures).values()]
    for address in (*load.addresses(pictures)[:1], *tiles):
        assert ask(application, f"/i.fcgi{address}").status == 200


def test_page_names_the_rows_as_they_are_printed() -> None:
    """The tables with figures; that of processed tiles has the first time and the others side by side."""
    text = PAGE.read_text()
    compared, processed, maps, end = map(
        text.index, ("## Compared", "## Processed", "## Maps, compared", "## Image collections")
    )
    rows = re.compile(r"^\| ([^|]*[^|\s-]) \|", re.MULTILINE)
    titles = {"request", "tile", "figure"}
    whole = rows.findall(text[compared:processed]) + rows.findall(text[maps:end])
    assert set(whole) - titles <= set(NAMES)
    pairs = {f"{name}, first time" for name in set(rows.findall(text[processed:maps])) - titles}
    assert pairs <= set(NAMES)
