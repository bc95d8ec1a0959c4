"""Styled Layer Descriptor 1.0.0 (OGC 02-070) and 1.1.0 (05-078r4) with Symbology Encoding (05-077r4), for rasters.

`document.read` reads a document; `styles.style_of` makes the `Style` of a layer from what it says. What is not
understood is refused by name, so that a picture never shows anything else than what was asked for.
"""
