"""Answers to requests for coverages: multipart ones taken apart, GeoTIFF read by GDAL."""

from __future__ import annotations

import warnings
from email import policy
from email.parser import BytesParser
from typing import Any, NamedTuple

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from iipserve.http import Response


class Coverage(NamedTuple):
    """A coverage as a client has it."""

    samples: NDArray[Any]
    """Shape (bands, rows, columns), type as in the file."""
    transform: Any
    crs: str
    """`EPSG:n`, or as WKT."""
    nodata: float | None


def file_of(media_type: str, body: bytes) -> bytes:
    """The file of an answer: its body, or the part of it that is no XML."""
    if not media_type.startswith("multipart/"):
        return body
    message = BytesParser(policy=policy.HTTP).parsebytes(
        f"Content-Type: {media_type}\r\n\r\n".encode() + body
    )
    parts = [part for part in message.iter_parts() if "xml" not in part.get_content_type()]
    assert len(parts) == 1
    found = parts[0].get_payload(decode=True)
    assert isinstance(found, bytes)
    return found


def file_in(response: Response) -> bytes:
    """The file of an answer that has one."""
    assert response.status == 200, (response.status, response.body)
    assert isinstance(response.body, bytes)
    return file_of(dict(response.headers)["Content-Type"], response.body)


def read(response: Response) -> Coverage:
    """The coverage of an answer."""
    return read_file(file_in(response))


def read_file(content: bytes) -> Coverage:
    """The coverage of a file of any format that GDAL reads."""
    with (
        warnings.catch_warnings(action="ignore", category=rasterio.errors.NotGeoreferencedWarning),
        MemoryFile(content) as memory,
        memory.open() as file,
    ):
        crs = file.crs
        name = "" if crs is None else f"EPSG:{crs.to_epsg()}" if crs.to_epsg() else crs.to_wkt()
        return Coverage(file.read(), file.transform, name, file.nodata)


def assert_located(found: Coverage, crs: str, box: tuple[float, float, float, float]) -> None:
    """The outer edges of the coverage are those of a box, within a millionth of a sample."""
    rows, columns = found.samples.shape[1:]
    west, north = found.transform * (0, 0)
    east, south = found.transform * (columns, rows)
    step = min(abs(found.transform.a), abs(found.transform.e))
    np.testing.assert_allclose((west, south, east, north), box, rtol=0, atol=step * 1e-6)
    if crs:
        assert found.crs == crs
