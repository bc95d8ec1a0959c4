"""Manifests and collections of the IIIF Presentation API 3.0, for viewers that show more than one image.

A manifest describes one file: each of its pages is a canvas, which is as large as the page and shows it by the Image API.
What the file says of itself becomes label, rights and metadata, to which a file next to it may add (`side_car`). A
collection is the images of one folder, and the folders in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from iipserve.containers import exif_texts, icc
from iipserve.errors import Forbidden, TooLarge
from iipserve.geometry import Size
from iipserve.http.negotiation import negotiated
from iipserve.http.public_address import headers_read
from iipserve.image import ImageInfo, ImageName, Selector
from iipserve.plan import Answer, Document
from iipserve.protocols import Images, Server
from iipserve.protocols.iiif.info import CONTEXT_LINK, JSON, RIGHTS_URI, indented_json, rights_of
from iipserve.protocols.iiif.limits import limits_of
from iipserve.protocols.iiif.requests import COLLECTION, MANIFEST, FolderQuery, ManifestQuery
from iipserve.protocols.iiif.side_car import Members, merged

CONTEXT = "http://iiif.io/api/presentation/3/context.json"
MEDIA_TYPE = f'application/ld+json;profile="{CONTEXT}"'
SIDE_CAR = ".manifest.json"
"""What follows the name of an image in that of its side-car."""
THUMBNAIL = Size(200, 200)
"""The box that thumbnails are fitted into."""
MAX_PAGES = 300
"""Of a manifest: each is opened for its size, which takes the longer the more pages the file has."""
LABELS: Mapping[str, str] = {
    "creator": "Creator",
    "description": "Description",
    "keywords": "Keywords",
    "comment": "Comment",
    "date": "Date",
    "make": "Camera maker",
    "model": "Camera model",
    "software": "Software",
}
"""Entries of `metadata`, by the IIP object that has the text -> label in English. Title and rights are properties of the
manifest."""


class _Page(NamedTuple):
    """A page that is to be a canvas."""

    number: int
    """From 1."""
    label: str
    """Empty if it is the only one."""
    info: ImageInfo
    service: str
    """Base URI of its image."""


# -- manifests -------------------------------------------------------------------------------------


def manifest(query: ManifestQuery, images: Images, server: Server) -> Answer:
    """The manifest of a file.

    Raises:
        TooLarge: the file has more than `MAX_PAGES` pages.
        DecodeError: its side-car is not what `side_car.merged` reads.
        IIPServeError: a page cannot be read.
    """
    info = images.only()
    pages = list(_pages(query, info, images))
    members: Members = {
        "@context": CONTEXT,
        "id": query.address,
        "type": "Manifest",
        "label": _text(info.text.get("title", "").strip() or _last(info.identifier)),
        **_descriptive(info, server),
        "thumbnail": [_thumbnail(pages[0], server)],
        "items": [_canvas(page, query.address, server) for page in pages],
    }
    # a side-car may appear or change at any time
    images.is_lasting = False
    for name in dict.fromkeys((info.identifier, _stem(info.identifier))):
        if (stated := server.side_car(name + SIDE_CAR)) is not None:
            members = merged(members, stated, name + SIDE_CAR)
            break
    return _answer(members, query.accept, server)


def _pages(query: ManifestQuery, info: ImageInfo, images: Images) -> Iterator[_Page]:
    service = f"{query.root}3/{quote(info.identifier, safe='')}"
    numbers = [selector.layer for selector in info.aligned_selectors] if info.stack else [0]
    if len(numbers) > MAX_PAGES:
        raise TooLarge(
            f"{info.identifier!r} has {len(numbers)} pages; manifests of up to {MAX_PAGES} are made"
        )
    for number in numbers:
        page = info if number == info.selector.layer else images[ImageName(info.identifier, Selector(number))]
        label = (info.stack[number].name or str(number + 1)) if len(numbers) > 1 else ""
        yield _Page(number + 1, label, page, f"{service};page={number + 1}" if number else service)


def _descriptive(info: ImageInfo, server: Server) -> Members:
    """What the file says of itself, and the rights of the settings."""
    members: Members = {}
    found = {label: info.text[key].strip() for key, label in LABELS.items() if info.text.get(key)}
    found |= exif_texts.texts(info.exif)
    if profile := icc.description(info.icc):
        found["Color profile"] = profile
    if found:
        members["metadata"] = [_labeled(label, text) for label, text in found.items()]
    rights = rights_of(info, server.config)
    # section 3.2: a URI of these; the text, whatever it is, is to be shown
    if stated := RIGHTS_URI.search(rights):
        members["rights"] = stated[0].replace("https:", "http:", 1)
    if rights:
        members["requiredStatement"] = _labeled("Rights", rights)
    return members


def _canvas(page: _Page, address: str, server: Server) -> Members:
    identifier = f"{address}/canvas/{page.number}"
    size = page.info.size
    painting = {
        "id": f"{identifier}/image",
        "type": "Annotation",
        "motivation": "painting",
        "body": _image(page, limits_of(page.info, server).reduced(size), "max"),
        "target": identifier,
    }
    return {
        "id": identifier,
        "type": "Canvas",
        **({"label": _text(page.label)} if page.label else {}),
        "width": size.width,
        "height": size.height,
        "items": [{"id": f"{identifier}/page", "type": "AnnotationPage", "items": [painting]}],
    }


def _thumbnail(page: _Page, server: Server) -> Members:
    size = page.info.size
    fitted = size if size.fits_in(THUMBNAIL) else size.fitted(THUMBNAIL)
    return _image(page, fitted, f"{fitted.width},{fitted.height}")


def _image(page: _Page, size: Size, size_text: str) -> Members:
    """A picture of a page as content, with the service that gives any other size of it."""
    return {
        "id": f"{page.service}/full/{size_text}/0/default.jpg",
        "type": "Image",
        "format": "image/jpeg",
        "width": size.width,
        "height": size.height,
        "service": [{"id": page.service, "type": "ImageService3", "profile": "level2"}],
    }


# -- collections -----------------------------------------------------------------------------------


def collection(query: FolderQuery, images: Images, server: Server) -> Answer:
    """The images of a folder as a collection: their manifests, and the collections of the folders in it.

    Raises:
        Forbidden: IIIF_COLLECTIONS is off.
        ImageNotFound: there is no such folder.
        InvalidRequest: the path could lead out of the prefix.
    """
    if not server.config.iiif_collections:
        raise Forbidden("this server lists no images as collections; IIIF_COLLECTIONS switches that on")
    contents = server.folder(query.folder)
    # files come and go at any time
    images.is_lasting = False
    below = f"{query.folder}/" if query.folder else ""
    members: Members = {
        "@context": CONTEXT,
        "id": query.address,
        "type": "Collection",
        "label": _text(_last(query.folder) or "Images"),
        "items": [
            *(_reference(query.root, COLLECTION, "Collection", below, name) for name in contents.folders),
            *(_reference(query.root, MANIFEST, "Manifest", below, name) for name in contents.images),
        ],
    }
    if not contents.is_complete:
        members["summary"] = {"en": ["The folder has more files than are listed here."]}
    return _answer(members, query.accept, server)


def _reference(root: str, kind: str, type_: str, below: str, name: str) -> Members:
    return {
        "id": f"{root}{kind}/{quote(below + name, safe='')}",
        "type": type_,
        "label": _text(name),
    }


# -- what both have --------------------------------------------------------------------------------


def _answer(members: Members, accept: str | None, server: Server) -> Answer:
    body = indented_json(members).encode("utf-8", "replace")
    media_type = negotiated(accept, (MEDIA_TYPE, JSON)) or JSON
    vary = ", ".join(("Accept", *headers_read(server.config)))
    # other files than the image decide on it too, so it has no time
    document = Document(body, media_type, vary=vary, is_dated=False)
    headers = (("Link", CONTEXT_LINK.format(CONTEXT)),) if media_type == JSON else ()
    return Answer(document, (("Cache-Control", "no-cache"), *headers))


def _text(text: str) -> dict[str, list[str]]:
    """A text of unknown language (section 4.1)."""
    return {"none": [text]}


def _labeled(label: str, value: str) -> dict[str, Any]:
    return {"label": {"en": [label]}, "value": _text(value)}


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(identifier: str) -> str:
    """The identifier without the extension of its file name."""
    folder, slash, name = identifier.rpartition("/")
    return f"{folder}{slash}{name.rpartition('.')[0] or name}"
