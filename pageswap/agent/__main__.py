"""Runs the agent's program: ``python -m pageswap.agent <verb>``."""

import sys

from pageswap.agent.cli import main

sys.exit(main())
