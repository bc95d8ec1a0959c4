"""Feeds spoiled files and generated requests to the server; `scripts/fuzz` runs it."""
