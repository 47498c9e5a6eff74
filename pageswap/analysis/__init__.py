"""From stored trials to tables, ratios and words: the only importer of pandas and scipy."""

import os

from pageswap.agent.host.readers import short_of_memory
from pageswap.errors import PageswapError

# Of addresses and data: what numpy, scipy and pandas take, with room for a run's rows.
_LEAST_BYTES = {"as": 1 << 30, "data": 256 << 20}

# Where a limit keeps its threads from starting, OpenBLAS waits for them for ever; nothing here multiplies matrices.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
_short = short_of_memory(_LEAST_BYTES)
if _short:
    raise PageswapError(f"numpy, scipy and pandas cannot be loaded: {_short}")
