"""Says one thing pyproject.toml cannot: which file describes the C core and the mover to cffi."""

from setuptools import setup

setup(cffi_modules=["native/build.py:ffi", "native/build.py:mover_ffi"])
