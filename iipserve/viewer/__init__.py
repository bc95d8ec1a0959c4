"""Viewer: the gallery page, and the files it is made of."""

from iipserve.viewer.site import Viewer

__all__ = ["Viewer"]
