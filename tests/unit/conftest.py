"""Hypothesis: no deadline, for the machine is shared, and no database, for a failure prints its example."""

from hypothesis import settings

settings.register_profile("orders", deadline=None, database=None, max_examples=60)
settings.load_profile("orders")
