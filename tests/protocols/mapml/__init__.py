"""Tests of MapML documents."""
