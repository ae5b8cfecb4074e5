"""Hypothesis: fewer examples, since there are many unit tests."""

from hypothesis import settings

settings.register_profile("unit", settings.get_profile("untimed"), max_examples=60)
settings.load_profile("unit")
