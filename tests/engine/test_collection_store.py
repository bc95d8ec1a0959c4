"""The store of a worker: opened when it is used, and again when it was away."""

from __future__ import annotations

from pathlib import Path

import pytest

from iipserve.config import Config
from iipserve.engine import collection_store
from iipserve.engine.collection_store import CollectionStore
from iipserve.errors import ConfigError, StoreUnavailable
from iipserve.geo.collection_settings import CollectionSettings
from tests.ports import free_port

pytest.importorskip("sqlalchemy")


class ServiceFile:
    """What a service file says of the store, which can be changed."""

    def __init__(self, store: str) -> None:
        self.store = store

    def __call__(self) -> CollectionSettings | None:
        return CollectionSettings(self.store) if self.store else None


def test_one_store_for_all_requests_until_the_service_file_names_another(tmp_path: Path) -> None:
    file = ServiceFile(str(tmp_path / "a.sqlite"))
    store = CollectionStore(Config(), file)
    assert not list(tmp_path.iterdir())
    first = store.current()
    assert first is not None
    assert store.current() is first
    file.store = str(tmp_path / "b.sqlite")
    second = store.current()
    assert second is not None
    assert second is not first
    file.store = ""
    assert store.current() is None
    store.close()


def test_a_store_that_is_away_is_opened_once_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mounted"
    store = CollectionStore(Config(), ServiceFile(str(folder / "a.sqlite")))
    with pytest.raises(ConfigError):
        store.begin()
    for _ in range(3):
        with pytest.raises(StoreUnavailable) as caught:
            store.current()
        assert str(tmp_path) not in str(caught.value)
    folder.mkdir()
    monkeypatch.setattr(collection_store, "RETRY_SECONDS", 0.0)
    assert store.current() is not None
    store.close()


def test_a_database_that_does_not_answer_does_not_keep_the_service_from_starting() -> None:
    pytest.importorskip("psycopg")
    store = CollectionStore(Config(), ServiceFile(f"postgresql://127.0.0.1:{free_port()}/nothing"))
    store.begin()
    with pytest.raises(StoreUnavailable):
        store.current()


def test_a_second_service_does_not_start_with_the_store(tmp_path: Path) -> None:
    file = ServiceFile(str(tmp_path / "a.sqlite"))
    first, second = (CollectionStore(Config(services=f"/{name}.toml"), file) for name in "ab")
    first.begin()
    with pytest.raises(ConfigError, match="another service"):
        second.begin()
    with pytest.raises(StoreUnavailable):
        second.current()
    first.close()
    CollectionStore(Config(services="/b.toml"), file).begin()
