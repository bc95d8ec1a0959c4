"""OGC Web Services Common (06-121r3, 1.1.0): what WMTS, WMS and WCS have in common.

Parameters (`kvp`), exception reports (`exceptions`), versions and update sequences (`negotiation`), the parts of
capabilities documents (`capabilities`), and the addresses that documents state (`addresses`).
"""
