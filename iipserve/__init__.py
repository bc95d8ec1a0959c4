"""iipserve: an image server for IIP, IIIF, DeepZoom and Zoomify, spoken over FastCGI."""

__version__ = "0.1.0"
