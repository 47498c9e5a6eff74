"""Makes checkouts whose core has a method that was slowed on purpose, and measures with any checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.copied_checkout import copy_to

METHOD = "copy_words"
_SOURCE = Path("native") / "methods" / f"{METHOD}.c"
_CALL = "exchange((uint64_t *)(void *)page_a, (uint64_t *)(void *)page_b, region->page_bytes);"
_MEASURE = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from pageswap.campaign import run_and_resume
from pageswap.campaign.options import Options
from pageswap.plan import plan
from pageswap.spec import loader as spec
made = plan.make(spec.load(Path(sys.argv[2])))
how = {"options": Options(wait=True), "render": lambda _store, path: path}
print(run_and_resume.run(made, results_dir=Path(sys.argv[3]), **how).run_dir)
"""


def slowed_checkout(folder: Path, *, every: int, times: int = 3) -> Path:
    """Copy this checkout to `folder`, its `copy_words` exchanging every so-many-th pair of pages three times, or more.

    An odd number of exchanges leaves the pages as one does, so that they still verify. In the caches, where each
    exchange costs what the first one did, three for every 20th pair make the method slower by a tenth.
    """
    source = copy_to(folder) / _SOURCE
    text = source.read_text(encoding="utf-8")
    if _CALL not in text:
        raise ValueError(f"{_SOURCE} no longer calls exchange() as this expects")
    slow = f"for (int times = i % {every} ? 1 : {times}; times; times--)\n            {_CALL}"
    source.write_text(text.replace(_CALL, slow), encoding="utf-8")
    subprocess.run([sys.executable, "native/build.py"], cwd=folder, check=True, capture_output=True)
    return folder


def measure(checkout: Path, spec: Path, results: Path) -> Path:
    """Run an experiment with a checkout's own code and core; give the run's folder."""
    command = [sys.executable, "-P", "-c", _MEASURE, str(checkout), str(spec), str(results)]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    return Path(done.stdout.splitlines()[-1])
