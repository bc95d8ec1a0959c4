"""Coverages asked for in every way that there is: arrays and places compared with numpy, PROJ, MapServer and clients."""
