"""What the service file lets clients do with collections, as documents state it."""

from __future__ import annotations

from iipserve.collections import permissions
from iipserve.errors import Forbidden, IIPServeError
from iipserve.geo.collection_settings import REST, CollectionSettings
from iipserve.http import Request
from iipserve.plan import Permission
from iipserve.protocols import Server
from iipserve.protocols.map_tiles import NotThere


def settings(server: Server) -> CollectionSettings:
    """The table `[collections]` of the service file.

    Raises:
        NotThere: it has none.
        Forbidden: it does not publish collections by this service.
    """
    found = CollectionSettings.of(server.catalog().metadata.options)
    if found is None:
        raise NotThere(
            "this service has no collections; a table [collections] of its service file names their store"
        )
    if REST not in found.services:
        raise Forbidden("the REST service of collections is switched off by the service file")
    return found


def is_editable(server: Server) -> bool:
    """Collections and items may be changed."""
    return settings(server).editable


def is_downloadable(server: Server) -> bool:
    """The files of images may be fetched."""
    return settings(server).downloadable


def knows_files(request: Request, server: Server) -> bool:
    """Whether a client hears what is known of the files of images: who may fetch or change them."""
    found = settings(server)
    if found.downloadable:
        return True
    try:
        permissions.check(Permission.EDIT, request, found)
    except IIPServeError:
        return False
    return True
