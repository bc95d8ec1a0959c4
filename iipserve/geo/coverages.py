"""What the service file says of formats of coverages."""

from __future__ import annotations

from typing import NamedTuple

from iipserve.geometry import Size


class NamedFormat(NamedTuple):
    """A format of coverages with settings, under a name of its own."""

    name: str
    """By which requests may ask for it, in any case: `GEOTIFF_16`."""
    format: str
    """Name of the format: `geotiff`."""
    media_type: str = ""
    """By which requests may ask for it, too; empty: that of the format."""
    extension: str = ""
    """Of file names; empty: that of the format."""
    compression: str = ""
    """As the parameter of the GeoTIFF extension of WCS 2.0 has it, in lower case: `deflate`; empty: the usual one."""
    predictor: str = ""
    """`none`, `horizontal` or `floatingpoint`; empty: the usual one."""
    interleave: str = "pixel"
    """`pixel` or `band`."""
    tile: Size | None = None
    """None: in strips."""
    quality: int = 0
    """Of JPEG, 1 to 100; 0: the usual one."""
    image_mode: str = ""
    """As which samples are written: `byte`, `int16`, `float32`; empty: as they are."""
