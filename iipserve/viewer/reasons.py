"""Why a file is listed that cannot be shown, in words of those who look after images, not after servers."""

from __future__ import annotations

from typing import Protocol

from iipserve.errors import (
    DecodeError,
    IIPServeError,
    ImageNotFound,
    ImageUnavailable,
    Overloaded,
    TooLarge,
    UnreadableSamples,
    UnsupportedImage,
)

NOT_UTF_8 = (
    "The file name is not UTF-8, so no address can name it. Once the file is renamed, it can be shown."
)
EMPTY = "The file is empty. Perhaps it was not copied to its end."
NO_IMAGE = "The name is that of an image, but the content is none that this server knows."
WITHHELD = (
    "The server is not allowed to read this file, or it is a link to one that is missing or in another place."
)


class Files(Protocol):
    """What can be found out about a file without reading it as an image."""

    def file_length(self, identifier: str) -> int | None:
        """Its length in bytes; None if it is no regular file."""

    def looks_like_image(self, identifier: str) -> bool:
        """Whether its first bytes are those of an image."""


def reason(error: IIPServeError, identifier: str, files: Files) -> str:
    """A sentence that says what is wrong with a file, and if possible what would help.

    Args:
        error: of reading it as an image.
        identifier: of the image.
        files: knows the file.
    """
    match error:
        case Overloaded() | ImageUnavailable():
            return "The file cannot be read at present. It may be shown again later."
        case ImageNotFound():
            return WITHHELD
        case _ if files.file_length(identifier) == 0:
            return EMPTY
        case DecodeError():
            return "The file is damaged, or was not copied to its end."
        case UnreadableSamples():
            return "It is not clear which colors the pixels of this file have, so it is not shown."
        case UnsupportedImage() if "EXTRA_FORMATS" in str(error):
            return "The server can show files of this kind, but its administrator has not switched them on."
        case UnsupportedImage() if not files.looks_like_image(identifier):
            return NO_IMAGE
        case UnsupportedImage():
            return "This is an image of a kind that the server does not show."
        case TooLarge():
            return "The file would need more memory than the server may use."
    return "The file cannot be shown."
