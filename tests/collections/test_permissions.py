"""Who may do what with collections: settings, tokens, places of clients."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from iipserve.collections import permissions, tokens
from iipserve.errors import ConfigError, Forbidden, IIPServeError, StoreUnavailable, Unauthorized
from iipserve.geo.collection_settings import CollectionSettings
from iipserve.http import Request
from iipserve.plan import Permission

TOKEN = "correct-horse.battery~staple"
LOCAL = {
    "REQUEST_METHOD": "POST", "REQUEST_URI": "/stac/collections", "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.url_scheme": "http", "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:8080",
}  # fmt: skip
"""Of a client on this host, over HTTP."""
FASTCGI = {key: value for key, value in LOCAL.items() if key != "wsgi.url_scheme"}
BEARER = {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}"}


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    path = tmp_path / "tokens"
    path.write_text(f"# editors\n\n{hashed(TOKEN).upper()}  the survey\n{hashed('other')} someone else\n")
    return str(path)


def outcome(
    permission: Permission, environ: dict[str, str], **settings: object
) -> type[IIPServeError] | None:
    """The error of a request; None if it is allowed."""
    try:
        permissions.check(
            permission,
            Request.from_environ(environ),
            CollectionSettings("", **settings),  # type: ignore[arg-type]
        )
    except IIPServeError as error:
        return type(error)
    return None


@pytest.mark.parametrize(
    ("environ", "reading", "editing", "editing_off", "with_tokens"),
    [
        pytest.param(LOCAL, None, None, Forbidden, Unauthorized, id="local"),
        pytest.param(LOCAL | {"REMOTE_ADDR": "::1", "HTTP_HOST": "[::1]:80"}, None, None, Forbidden, Unauthorized, id="local IPv6"),
        pytest.param(LOCAL | {"REMOTE_ADDR": "::ffff:127.0.0.1"}, None, None, Forbidden, Unauthorized, id="mapped"),
        pytest.param(LOCAL | {"HTTP_ORIGIN": "http://localhost:8080"}, None, None, Forbidden, Unauthorized, id="own page"),
        pytest.param(LOCAL | BEARER, None, None, Forbidden, None, id="local with token"),
        pytest.param(LOCAL | {"REMOTE_ADDR": "192.0.2.7"}, None, Forbidden, Forbidden, Unauthorized, id="remote"),
        pytest.param(LOCAL | {"REMOTE_ADDR": "192.0.2.7"} | BEARER, None, Forbidden, Forbidden, None, id="remote with token"),
        pytest.param(LOCAL | {"REMOTE_ADDR": ""}, None, Forbidden, Forbidden, Unauthorized, id="Unix socket"),
        pytest.param(LOCAL | {"REMOTE_ADDR": "127.0.0.1, 192.0.2.7"}, None, Forbidden, Forbidden, Unauthorized, id="list"),
        pytest.param(FASTCGI, None, Forbidden, Forbidden, Unauthorized, id="FastCGI"),
        pytest.param(FASTCGI | BEARER, None, Forbidden, Forbidden, None, id="FastCGI with token"),
        pytest.param(LOCAL | {"HTTP_X_FORWARDED_FOR": "192.0.2.7"}, None, Forbidden, Forbidden, Unauthorized, id="X-Forwarded-For"),
        pytest.param(LOCAL | {"HTTP_FORWARDED": "for=192.0.2.7"}, None, Forbidden, Forbidden, Unauthorized, id="Forwarded"),
        pytest.param(LOCAL | {"HTTP_X_REAL_IP": "127.0.0.1"}, None, Forbidden, Forbidden, Unauthorized, id="X-Real-IP"),
        pytest.param(LOCAL | {"HTTP_VIA": "1.1 cache"}, None, Forbidden, Forbidden, Unauthorized, id="Via"),
        pytest.param(LOCAL | {"SERVER_PROTOCOL": "HTTP/1.0"}, None, Forbidden, Forbidden, Unauthorized, id="proxy of HTTP/1.0"),
        pytest.param(LOCAL | {"HTTP_HOST": "maps.example.org"}, None, Forbidden, Forbidden, Unauthorized, id="other host"),
        pytest.param(LOCAL | {"HTTP_HOST": "127.0.0.1.example.org"}, None, Forbidden, Forbidden, Unauthorized, id="rebound name"),
        pytest.param(LOCAL | {"HTTP_ORIGIN": "http://example.org"}, None, Forbidden, Forbidden, Unauthorized, id="other page"),
        pytest.param(LOCAL | {"HTTP_ORIGIN": "null"}, None, Forbidden, Forbidden, Unauthorized, id="page without origin"),
        pytest.param(LOCAL | {"HTTP_SEC_FETCH_SITE": "cross-site"}, None, Forbidden, Forbidden, Unauthorized, id="other site"),
        pytest.param(LOCAL | {"HTTP_AUTHORIZATION": f"Bearer {TOKEN}x"}, None, None, Forbidden, Unauthorized, id="wrong token"),
        pytest.param(LOCAL | {"HTTP_AUTHORIZATION": f"bearer  {TOKEN}"}, None, None, Forbidden, None, id="case and spaces"),
        pytest.param(LOCAL | {"HTTP_AUTHORIZATION": f"Basic {TOKEN}"}, None, None, Forbidden, Unauthorized, id="other scheme"),
        pytest.param(LOCAL | {"HTTP_AUTHORIZATION": f"Bearer {hashed(TOKEN)}"}, None, None, Forbidden, Unauthorized, id="hash as token"),
        pytest.param(LOCAL | {"HTTP_AUTHORIZATION": "Bearer "}, None, None, Forbidden, Unauthorized, id="empty token"),
        pytest.param(LOCAL | {"HTTP_AUTHORIZATION": "Bearer \xe4\xf6"}, None, None, Forbidden, Unauthorized, id="no ASCII"),
    ],
)  # fmt: skip
def test_who_may_edit(
    environ: dict[str, str],
    reading: type[IIPServeError] | None,
    editing: type[IIPServeError] | None,
    editing_off: type[IIPServeError] | None,
    with_tokens: type[IIPServeError] | None,
    token_file: str,
) -> None:
    assert outcome(Permission.READ, environ) is reading
    assert outcome(Permission.EDIT, environ, editable=True) is editing
    assert outcome(Permission.EDIT, environ, editable=False) is editing_off
    assert outcome(Permission.EDIT, environ, editable=False, tokens=token_file) is Forbidden
    assert outcome(Permission.EDIT, environ, editable=True, tokens=token_file) is with_tokens


@pytest.mark.parametrize("environ", [LOCAL, LOCAL | BEARER, FASTCGI | {"REMOTE_ADDR": "192.0.2.7"}])
def test_files_are_for_all_or_for_nobody(environ: dict[str, str], token_file: str) -> None:
    assert outcome(Permission.DOWNLOAD, environ) is Forbidden
    assert outcome(Permission.DOWNLOAD, environ, editable=True, tokens=token_file) is Forbidden
    assert outcome(Permission.DOWNLOAD, environ, downloadable=True) is None


def test_nobody_edits_while_the_tokens_cannot_be_read(tmp_path: Path, token_file: str) -> None:
    missing = str(tmp_path / "missing")
    assert outcome(Permission.EDIT, LOCAL | BEARER, editable=True, tokens=missing) is StoreUnavailable
    Path(token_file).write_text(f"{hashed(TOKEN)} survey\nnot a hash\n")
    assert outcome(Permission.EDIT, LOCAL | BEARER, editable=True, tokens=token_file) is StoreUnavailable


def test_a_token_that_is_taken_out_ends_at_once(token_file: str) -> None:
    assert outcome(Permission.EDIT, LOCAL | BEARER, editable=True, tokens=token_file) is None
    Path(token_file).write_text("")
    assert outcome(Permission.EDIT, LOCAL | BEARER, editable=True, tokens=token_file) is Unauthorized


def test_mistakes_of_the_file_of_tokens_name_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"{TOKEN} plain\n{hashed(TOKEN)}\n# fine\n{hashed(TOKEN)} fine\n")
    with pytest.raises(ConfigError) as caught:
        tokens.read(path)
    assert [line.split(",")[1].split(":")[0] for line in str(caught.value).splitlines()] == [
        " line 1",
        " line 2",
    ]
