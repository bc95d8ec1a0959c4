"""Items of files, and files that clients upload."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from iipserve import registry
from iipserve.collection_jobs.runner import JobRunner
from iipserve.config import Config
from iipserve.engine.collection_access import StoreAccess
from iipserve.engine.collection_store import CollectionStore
from iipserve.engine.georeferencing import Georeferences
from iipserve.engine.library import Library
from iipserve.errors import Forbidden, IIPServeError, InvalidRequest, NotFound
from iipserve.geo.collection_settings import CollectionSettings
from tests.geo_rasters import KINDS

pytest.importorskip("sqlalchemy")


def access(folder: Path, settings: CollectionSettings | None) -> StoreAccess:
    config = Config(filesystem_prefix=f"{folder}/")
    library = Library(config, registry.discover("iipserve.sources", "FORMAT"))
    store, located = CollectionStore(config, lambda: settings), Georeferences(config)
    return StoreAccess(config, store, library, located, JobRunner(config, store, library, located))


def test_items_of_files_below_named_roots_only(tmp_path: Path) -> None:
    for name in ("scans", "others"):
        (tmp_path / name).mkdir()
        KINDS["utm"](tmp_path / name)
    found = access(tmp_path, CollectionSettings("", roots=(("archive", str(tmp_path / "scans")),)))
    item = found.read_item("c", "archive:utm.tif")
    assert (item.collection, item.id, item.href) == ("c", "utm.tif", "scans/utm.tif")
    assert found.read_item("c", "scans/utm.tif", "other").id == "other"
    with pytest.raises(Forbidden):
        found.read_item("c", "others/utm.tif")
    assert access(tmp_path, CollectionSettings("")).read_item("c", "others/utm.tif").href == "others/utm.tif"


def test_uploads_are_kept_in_their_folder_whatever_the_roots(tmp_path: Path) -> None:
    content = KINDS["utm"](tmp_path).read_bytes()
    (tmp_path / "scans").mkdir()
    settings = CollectionSettings(
        "", roots=(("archive", str(tmp_path / "scans")),), upload_folder=str(tmp_path / "uploads")
    )
    item = access(tmp_path, settings).receive("c", "a.tif", io.BytesIO(content))
    assert (item.id, item.href, item.crs) == ("a.tif", "uploads/c/a.tif", "EPSG:32633")
    assert (tmp_path / item.href).read_bytes() == content


def test_no_uploads_without_a_folder(tmp_path: Path) -> None:
    with pytest.raises(Forbidden, match="uploaded"):
        access(tmp_path, CollectionSettings("")).receive("c", "a.tif", io.BytesIO(b"II"))


def test_messages_about_uploads_name_no_path_of_the_server(tmp_path: Path) -> None:
    for folder in ("up", "uploads" * 5, "long/" * 40):
        settings = CollectionSettings("", upload_folder=str(tmp_path / folder))
        for id in ("a.vrt", "a.tif"):
            with pytest.raises(IIPServeError) as caught:
                access(tmp_path, settings).receive("c", id, io.BytesIO(b"no image"))
            assert str(tmp_path) not in str(caught.value)
            assert ".upload-" not in str(caught.value)
        assert not list((tmp_path / folder / "c").iterdir())


@pytest.mark.parametrize("id", ["x" * 256, "影" * 86, ".upload-a"])
def test_names_that_no_uploaded_file_can_have(tmp_path: Path, id: str) -> None:
    settings = CollectionSettings("", upload_folder=str(tmp_path / "uploads"))
    with pytest.raises(InvalidRequest, match="can have the name"):
        access(tmp_path, settings).receive("c", id, io.BytesIO(b"II"))


def test_a_service_without_collections_has_no_store(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        _ = access(tmp_path, None).store
