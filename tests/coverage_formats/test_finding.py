"""Formats by the names and media types of clients."""

from __future__ import annotations

import pytest

from iipserve.coverage_formats import find, formats
from iipserve.errors import UnsupportedEncoding


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("image/tiff", "geotiff"),
        ("IMAGE/TIFF", "geotiff"),
        ('image/tiff;subtype="geotiff"', "geotiff"),
        ("image/tiff; application=geotiff", "geotiff"),
        ("image/tiff; application=geotiff; profile=cloud-optimized", "cog"),
        ("image/tiff;PROFILE='cloud-optimized';application=geotiff", "cog"),
        ("GTiff", "geotiff"),
        ("GeoTIFF", "geotiff"),
        (" geotiff ", "geotiff"),
        ("COG", "cog"),
        ("image/png; mode=24bit", "png"),
        ("PNG", "png"),
        ("image/jpeg", "jpeg"),
        ("image/jpg", "jpeg"),
        ("image/jp2", "jp2"),
        ("JP2OpenJPEG", "jp2"),
        ("application/netcdf", "netcdf"),
        ("application/x-netcdf", "netcdf"),
        ("netCDF", "netcdf"),
        ("ArcGrid", "aaigrid"),
        ("AAIGRID", "aaigrid"),
        ("application/gml+xml", "gml"),
        ("application/gml xml", "gml"),
        ("application/gml+xml; version=3.2", "gml"),
    ],
)
def test_spellings_of_clients(text: str, name: str) -> None:
    assert find(text).name == name


@pytest.mark.parametrize(
    "text", ["", ";", "image/gif", "image/", "tiff/image", "image/tiff/x", "x" * 10000, "\0", "image\n/tiff"]
)
def test_what_is_no_format_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedEncoding, match="image/tiff") as caught:
        find(text)
    assert len(str(caught.value)) < 500


def test_media_types_and_names_are_of_one_format_each() -> None:
    for format in formats().values():
        for text in (format.name, format.title, format.media_type, *format.names, *format.media_types):
            assert find(text) is format
        assert find(format.extension).extension == format.extension
