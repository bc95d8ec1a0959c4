"""Web Map Tile Service 1.0.0 (OGC 07-057r7), by parameters and by paths."""
