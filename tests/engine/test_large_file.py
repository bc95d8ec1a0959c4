"""Files on disk: read by many, gone with the last; and a disk that is full."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from iipserve.engine import large_file
from iipserve.engine.large_file import LargeFile, LargeFileWriter, SpillingWriter
from iipserve.errors import Overloaded
from tests.open_files import open_paths

CONTENT = bytes(range(256)) * 5


def written(content: bytes) -> LargeFile:
    writer = LargeFileWriter()
    writer.write(content)
    file = writer.file()
    writer.close()
    return file


@pytest.mark.parametrize("length", [0, 1, 99, 100, 101, 1280])
def test_pieces_are_the_content(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_file, "PIECE_LENGTH", 100)
    file = written(CONTENT[:length])
    assert len(file) == length
    pieces = list(file)
    assert b"".join(pieces) == CONTENT[:length]
    assert [len(piece) for piece in pieces[:-1]] == [100] * (len(pieces) - 1)


def test_each_reader_has_its_own_position(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_file, "PIECE_LENGTH", 100)
    file = written(CONTENT)
    first, second = iter(file), iter(file)
    assert next(first) == next(second) == CONTENT[:100]
    assert b"".join(first) == CONTENT[100:]
    assert next(second) == CONTENT[100:200]


def test_skipped_bytes_are_filled_in() -> None:
    writer = LargeFileWriter()
    writer.seek(4)
    writer.write(b"then")
    writer.seek(0)
    writer.write(memoryview(b"now "))
    assert b"".join(writer.file()) == b"now then"
    writer.close()


def test_file_lives_as_long_as_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    file = written(CONTENT)
    pieces = iter(file)
    del file
    assert len(open_paths(tmp_path)) == 1
    assert b"".join(pieces) == CONTENT
    del pieces
    assert not open_paths(tmp_path)


def test_file_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    file = written(CONTENT)
    assert list(tmp_path.iterdir()) == []
    assert b"".join(file) == CONTENT


def _write(writer: LargeFileWriter) -> None:
    writer.write(bytes(1_000_000))


def _finish(writer: LargeFileWriter) -> None:
    writer.write(b"a little, which is held back")
    writer.file()


@pytest.mark.parametrize("act", [_write, _finish])
def test_full_disk_is_reported_without_its_path(
    act: Callable[[LargeFileWriter], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: open("/dev/full", "wb"))  # noqa: SIM115
    writer = LargeFileWriter()
    assert len(open_paths("/dev/full")) == 1
    with pytest.raises(Overloaded, match="lacks disk space") as caught:
        act(writer)
    writer.close()
    assert "/" not in str(caught.value)
    assert "No space left" in caplog.text
    del caught, writer
    caplog.clear()
    assert not open_paths("/dev/full")


def test_missing_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    with pytest.raises(Overloaded, match="lacks disk space"):
        LargeFileWriter()


@pytest.mark.parametrize("held", [len(CONTENT) - 1, len(CONTENT)])
def test_much_is_spilled_to_the_disk(held: int) -> None:
    with closing(SpillingWriter(held)) as writer:
        for start in range(0, len(CONTENT), 100):
            writer.write(CONTENT[start : start + 100])
        body = writer.body()
    assert isinstance(body, LargeFile) is (held < len(CONTENT))
    assert (body if isinstance(body, bytes) else b"".join(body)) == CONTENT
