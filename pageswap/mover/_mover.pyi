# The compiled module's two names, for the type checker; cffi makes their attributes.

from typing import Any

ffi: Any
lib: Any
