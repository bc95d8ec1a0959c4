"""Byte formats, each read and written in one place: TIFF directories, Exif, JPEG, ISO boxes, WebP, ICC headers.

Everything here works on bytes and offsets, knows no pixels, and bounds what it reads: the files may be hostile.
GeoTIFF's keys, which are a directory inside three fields of a TIFF directory (OGC 19-008r4 section 7.1), belong
here too, in a module of their own on top of `ifd`.
"""
