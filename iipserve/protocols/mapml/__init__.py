"""Documents of MapML: maps for the `mapml-viewer` element, made of links to the tiles of other services."""
