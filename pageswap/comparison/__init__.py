"""Two runs, hosts or commits side by side."""

import pageswap.analysis  # noqa: F401 - what it does before numpy is imported
