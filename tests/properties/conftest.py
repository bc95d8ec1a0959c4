"""A profile for long runs: `pytest tests/properties/test_promises.py --hypothesis-profile=long`."""

from hypothesis import settings

settings.register_profile("long", max_examples=3000)
