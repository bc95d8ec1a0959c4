"""Who may do what with collections: `editable`, `downloadable` and `tokens` of the service file."""

from __future__ import annotations

from pathlib import Path

from iipserve.collections import tokens
from iipserve.errors import Forbidden, Unauthorized
from iipserve.geo.collection_settings import CollectionSettings
from iipserve.http import Request
from iipserve.http.local_clients import is_local
from iipserve.plan import Permission

HERE = "a client on this host"
"""Who edits without a token."""
ONLY_LOCAL = (
    "only clients on the host of this server may edit, and not through a web server, as there is no file of tokens "
    "([collections] tokens)"
)


def check(permission: Permission, request: Request, settings: CollectionSettings | None) -> str:
    """See that a client may do something; the name of who edits, for the log, else an empty text.

    Args:
        permission: what.
        request: of the client.
        settings: of the service file; None where it has no collections.

    Raises:
        Forbidden: the service does not offer it, or only to clients on its host.
        Unauthorized: it needs a token, or another one.
        StoreUnavailable: tokens cannot be checked at present.
    """
    if permission is Permission.DOWNLOAD and not (settings and settings.downloadable):
        raise Forbidden("files of images cannot be fetched here")
    if permission is Permission.EDIT:
        return _editor(request, settings)
    return ""


def _editor(request: Request, settings: CollectionSettings | None) -> str:
    if settings is None or not settings.editable:
        raise Forbidden("collections cannot be changed here")
    if not settings.tokens:
        if not is_local(request):
            raise Forbidden(ONLY_LOCAL)
        return HERE
    token = tokens.bearer(request)
    if token is None:
        raise Unauthorized("changes need a token: a header Authorization: Bearer TOKEN")
    name = tokens.holder(token, Path(settings.tokens))
    if name is None:
        raise Unauthorized("the token is not known here")
    return name
