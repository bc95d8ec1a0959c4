"""nginx with conf/nginx-cache.conf, and with Debian's fastcgi_params: ids are the client's own."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.end_to_end import servers
from tests.end_to_end.running import ROOT, daemon
from tests.images import smooth, write_tiff_pyramid
from tests.ports import free_port

PARAMS = Path("/etc/nginx/fastcgi_params")
FIRST_PARAM = "    fastcgi_param REQUEST_METHOD  $request_method;\n"
INFO = "/iiif/3/a.tif/info.json"
FORGED = (
    {"X_Forwarded_Host": "evil.org"},
    {"X_Forwarded_Proto": "https"},
    {"X_Forwarded_Port": "666"},
    {"X_Forwarded_Prefix": "/evil"},
    {"X_Forwarded_Path": "/evil"},
    {"X_IIIF_ID": "http://evil.org/"},
    {"Forwarded": "host=evil.org"},
    {"Host": "evil.org"},
    {"Host": "127.0.0.1:666"},
)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where the daemon listens."""
    folder, port = tmp_path_factory.mktemp("images"), free_port()
    write_tiff_pyramid(folder / "a.tif", smooth((300, 200)), compression="jpeg")
    with daemon(folder, folder, "--bind", f"127.0.0.1:{port}", ports=[port]):
        yield port


def changes(*, behind_a_proxy: bool) -> dict[str, str]:
    """Behind a proxy, the sample without the lines that remove what the proxy sets."""
    if not behind_a_proxy:
        return {}
    sample = (ROOT / "nginx-example.conf").read_text()
    cleared = re.findall(r' *fastcgi_param HTTP_\S+ +"" if_not_empty;\n', sample)
    assert len(cleared) == 7
    return dict.fromkeys(cleared, "")


@pytest.fixture(params=[False, True], ids=["to clients", "behind a proxy"])
def site(port: int, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    with servers.nginx_example(
        tmp_path, f"127.0.0.1:{port}", changes(behind_a_proxy=request.param), part="nginx-cache.conf"
    ) as url:
        yield urlsplit(url).netloc


def ask(site: str, path: str = INFO, **headers: str) -> tuple[dict[str, str], bytes]:
    connection = http.client.HTTPConnection(site, timeout=120)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): headers[name] for name in headers})
        answer = connection.getresponse()
        return {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_what_one_client_forges_no_other_gets(site: str) -> None:
    for path in (INFO, "/iiif/3/a.tif/full/100,/0/default.jpg"):
        for number, forged in enumerate(FORGED):
            address = f"{path}?{number}"  # which the cache does not have yet
            ask(site, address, **forged)
            headers, body = ask(site, address)
            assert f"http://{site}/iiif/3/a.tif" in headers["link"] + body.decode("latin-1")
            assert ask(site, address)[0]["x-cache"] == "HIT"


def test_each_media_type_is_cached_by_itself(site: str) -> None:
    for expected in ("MISS", "HIT"):
        for accept in ("application/json", "application/ld+json"):
            headers, _ = ask(site, Accept=accept)
            assert headers["content-type"].startswith(accept)
            assert headers["x-cache"] == expected


def test_answers_to_those_who_say_who_they_are_are_not_kept(site: str) -> None:
    for _ in range(2):
        assert ask(site, Authorization="Bearer x")[0]["x-cache"] == "BYPASS"
    assert ask(site)[0]["x-cache"] == "MISS"
    assert ask(site, Authorization="Bearer x")[0]["x-cache"] == "BYPASS"
    assert ask(site)[0]["x-cache"] == "HIT"


def test_ids_keep_their_port_after_the_parameters_of_the_distribution(port: int, tmp_path: Path) -> None:
    """Debian's fastcgi_params pass on HTTP_HOST without it."""
    if not PARAMS.exists():
        pytest.skip(f"{PARAMS} is not installed")
    included = {FIRST_PARAM: f"    include {PARAMS};\n{FIRST_PARAM}"}
    with servers.nginx_example(tmp_path, f"127.0.0.1:{port}", included) as url:
        assert json.loads(ask(urlsplit(url).netloc)[1])["id"] == url + INFO.removesuffix("/info.json")
