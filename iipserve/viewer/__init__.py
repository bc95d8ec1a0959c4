"""Viewer: the gallery page and its files."""

from iipserve.viewer.site import RESERVED, Viewer

__all__ = ["RESERVED", "Viewer"]
