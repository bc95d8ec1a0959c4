"""The engine: a plan in, a finished file out."""
