"""Which images there are in a file or sequence, and what is known of a selected one."""

from __future__ import annotations

from dataclasses import replace

from iipserve.engine.sequences import Sequence
from iipserve.errors import ImageNotFound
from iipserve.image import ImageInfo, Selector


def check_selector(first: ImageInfo, selector: Selector) -> None:
    """Check that a file or sequence has an image.

    Raises:
        ImageNotFound: it has not.
    """
    if first.angles is not None:
        exists = min(selector) >= 0 and max(selector) < 1000
        known = f"horizontal angles {first.angles.horizontal}, vertical angles {first.angles.vertical}"
    else:
        count = max(1, len(first.stack))
        exists = 0 <= selector.layer < count
        known = f"images 0 to {count - 1}" if first.stack else "one image, 0"
    if not exists:
        raise ImageNotFound(f"{first.identifier!r} has {known}, but not {tuple(selector)}")


def as_selected(info: ImageInfo, selector: Selector, sequence: Sequence | None) -> ImageInfo:
    """Information on an image, with its selector in the stack or sequence."""
    if sequence is not None:
        return replace(info, selector=selector, angles=sequence.angles, stack=())
    return replace(info, selector=Selector(selector.layer)) if info.stack else info
