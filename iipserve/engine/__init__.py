"""The engine: a plan in, a rendered file out."""
