"""GetFeatureInfo: what an image holds at a place of a map, for every map service.

A service makes a `Place` of what the client asks, and a plan of it; the answer is written in the format asked for.
"""
