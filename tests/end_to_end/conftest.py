"""The browser that the tests of pages drive, and the site that their own pages are on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.end_to_end.browsing import browsers
from tests.end_to_end.viewer_pages import Site, site


@pytest.fixture(scope="session", autouse=True)
def cache_of_gdal(tmp_path_factory: pytest.TempPathFactory) -> None:
    """GDAL's clients of map servers keep tiles in the current folder otherwise, also for the next run."""
    os.environ["GDAL_DEFAULT_WMS_CACHE_PATH"] = str(tmp_path_factory.mktemp("gdal"))


@pytest.fixture(scope="package")
def run_browser() -> Iterator[Callable[..., Browser]]:
    """Starts headless Chromium; all modules have the same one, and each page a context that shares nothing."""
    with browsers() as run:
        yield run


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest, run_browser: Callable[..., Browser]) -> Browser:
    """Headless Chromium; without WebGL, whose emulation by the processor takes two seconds for each page and fails now and
    then, if the module has `WITHOUT_WEBGL`."""
    return run_browser(*(["--disable-3d-apis"] if getattr(request.module, "WITHOUT_WEBGL", False) else []))


@pytest.fixture(scope="module")
def documents() -> Iterator[Site]:
    """The site of pages, which is another origin than images and maps have."""
    with site() as held:
        yield held
