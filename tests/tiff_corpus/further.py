"""Every kind of JPEG 2000, of plain pictures and of TIFF in strips, as small files made from one picture.

`KINDS["jp2-cmyk8"](path)` writes a file of 600 x 450 pixels and returns what it `Written`, as in `tests.tiff_corpus`.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.tiff_corpus.jpeg2000 import JPEG_2000
from tests.tiff_corpus.layout import Maker
from tests.tiff_corpus.plain import PLAIN
from tests.tiff_corpus.strips import STRIPS

KINDS: Mapping[str, Maker] = {**JPEG_2000, **PLAIN, **STRIPS}
"""By name: writes the file, and tells what it shows."""
