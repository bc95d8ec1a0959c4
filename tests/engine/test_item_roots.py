from __future__ import annotations

from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.engine.item_roots import ItemRoots
from iipserve.errors import ConfigError, Forbidden, IIPServeError, InvalidRequest


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "scans" / "2024").mkdir(parents=True)
    (folder / "private").mkdir()
    for name in ("scans/a.tif", "scans/2024/ü b.tif", "private/p.tif"):
        (folder / name).write_bytes(b"x")
    (tmp_path / "secret.tif").write_bytes(b"x")
    return folder


def roots(folder: Path, **named: str) -> ItemRoots:
    return ItemRoots(Config(filesystem_prefix=f"{folder}/"), named)


def test_forms_of_references(images: Path) -> None:
    all_images = roots(images)
    for href in (
        "scans/2024/ü b.tif",
        f"{images}/scans/2024/ü b.tif",
        f"file://{images}/scans/2024/%C3%BC%20b.tif",
        f"file://localhost{images}/scans/2024/%C3%BC b.tif",
    ):
        assert all_images.identifier(href) == "scans/2024/ü b.tif"
    assert all_images.path("scans/a.tif") == str(images / "scans/a.tif")


@pytest.mark.parametrize(
    "href",
    [
        "", "a\0b.tif", "scans/../private/p.tif", "../secret.tif", "./scans/a.tif", "scans\\a.tif", "scans/.", "a\nb",
        "file:///%00.tif", "file:///%ff.tif", "x" * 2000, "\ud800.tif",
    ],
)  # fmt: skip
def test_references_that_are_none(href: str, images: Path) -> None:
    with pytest.raises(InvalidRequest):
        roots(images).identifier(href)


@pytest.mark.parametrize(
    "href",
    [
        "/etc/passwd", "file:///etc/passwd", "http://10.0.0.1/a.tif", "https://example.org/a.tif", "s3://bucket/a.tif",
        "ftp://example.org/a.tif", "/vsicurl/http://example.org/a.tif", "/vsizip/scans/a.zip/a.tif", "/VSIMEM/a.tif",
        "scans/a.vrt", "scans/a.VRT", "scans/wms.xml", "file://other.example/scans/a.tif", "file:///scans/a.tif?x=1",
        "GTI://scans/a.gti", "scans/",
    ],
)  # fmt: skip
def test_references_to_elsewhere_are_refused(href: str, images: Path) -> None:
    with pytest.raises(Forbidden):
        roots(images).identifier(href)


def test_beginning_of_a_name_is_no_folder(images: Path, tmp_path: Path) -> None:
    (tmp_path / "images2").mkdir()
    with pytest.raises(Forbidden):
        roots(images).identifier(f"{tmp_path}/images2/a.tif")


def test_named_roots_are_the_only_ones(images: Path) -> None:
    named = roots(images, new="scans/2024", absolute=str(images / "scans" / "2024"))
    assert named.identifier("new:ü b.tif") == "scans/2024/ü b.tif"
    assert named.identifier("absolute:ü b.tif") == "scans/2024/ü b.tif"
    assert named.identifier("scans/2024/ü b.tif") == "scans/2024/ü b.tif"
    for href in ("scans/a.tif", "private/p.tif", "old:a.tif", "new:../a.tif", f"{images}/scans/a.tif"):
        with pytest.raises(IIPServeError):
            named.identifier(href)


def test_links_do_not_lead_out_of_roots(images: Path, tmp_path: Path) -> None:
    (images / "scans/2024/link.tif").symlink_to(images / "private/p.tif")
    (images / "scans/2024/folder").symlink_to(images / "private")
    (images / "scans/2024/same.tif").symlink_to(images / "scans/2024/ü b.tif")
    named = roots(images, new="scans/2024")
    for href in ("new:link.tif", "new:folder/p.tif", "scans/2024/folder/p.tif"):
        with pytest.raises(Forbidden):
            named.identifier(href)
    assert named.identifier("new:same.tif") == "scans/2024/same.tif"


def test_links_do_not_lead_out_of_the_folder_of_images(images: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.tif").write_bytes(b"")
    (images / "file.tif").symlink_to(tmp_path / "secret.tif")
    (images / "folder").symlink_to(tmp_path)
    (images / "inside").symlink_to(images / "scans")
    for config in (
        Config(filesystem_prefix=f"{images}/"),
        Config(filesystem_prefix=f"{images}/", filesystem_suffix=".tif"),
    ):
        found = ItemRoots(config)
        for href in ("folder", "folder/secret.tif", "folder/*"):
            with pytest.raises(Forbidden):
                found.place(href)
        assert found.place("inside/") == f"{images}/inside"
    with pytest.raises(Forbidden):
        roots(images).identifier("file.tif")


def test_whole_prefix_can_be_a_root(images: Path) -> None:
    assert roots(images, all=".").identifier("all:scans/a.tif") == "scans/a.tif"


@pytest.mark.parametrize("folder", ["..", "../other", "/", "/etc"])
def test_roots_are_below_the_prefix(folder: str, images: Path) -> None:
    with pytest.raises(ConfigError, match="'bad'"):
        roots(images, bad=folder)


def test_suffix_belongs_to_no_identifier(images: Path) -> None:
    config = Config(filesystem_prefix=f"{images}/", filesystem_suffix=".tif")
    assert ItemRoots(config).identifier(f"{images}/scans/a.tif") == "scans/a"
    assert ItemRoots(config).path("scans/a") == str(images / "scans/a.tif")
