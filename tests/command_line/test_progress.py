from __future__ import annotations

import io

import pytest

from iipserve.command_line.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bar_of_a_terminal() -> None:
    out = Terminal()
    with Progress(out, "reading", 4) as progress:
        progress.step(2)
        text = progress.text(progress.started + 10)
    assert text == f"[{'#' * 15}{' ' * 15}] 2/4, 50 %, 0.20/s, 0:10 left"
    assert out.getvalue().endswith("\n")
    assert out.getvalue().startswith("\rreading: [")


def test_lines_elsewhere() -> None:
    out = io.StringIO()
    with Progress(out, "reading", 3) as progress:
        assert list(progress.over("abc")) == ["a", "b", "c"]
    assert out.getvalue().startswith("reading: 3/3, 100 %, ")
    assert out.getvalue().count("\n") == 1


@pytest.mark.parametrize(("done", "seconds", "left"), [(1, 1.0, "1:39:59"), (1000, 10.0, "0:50")])
def test_time_that_is_left(done: int, seconds: float, left: str) -> None:
    progress = Progress(io.StringIO(), "reading", 6000)
    progress.step(done)
    assert progress.text(progress.started + seconds).endswith(f"{left} left")


def test_number_of_steps_that_is_not_known() -> None:
    progress = Progress(io.StringIO(), "reading", None)
    progress.step(30)
    assert progress.text(progress.started + 10) == "30, 3/s"
