"""Settings of all tests."""

from hypothesis import settings

# A deadline would assert a time, and machines are noisy.
settings.register_profile("sv39", deadline=None)
settings.load_profile("sv39")
