"""Viewer: the gallery page, and the files it is made of."""

from iipserve.viewer.site import RESERVED, Viewer

__all__ = ["RESERVED", "Viewer"]
