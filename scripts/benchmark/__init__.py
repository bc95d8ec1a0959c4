"""Compares the daemon with Debian's iipimage-server; `scripts/bench` runs it."""
