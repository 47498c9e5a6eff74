"""Runs a trial in a Python of its own: with another core than this process has, or a library before the C library."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

from pageswap import native

PACKAGE_ROOT = pathlib.Path(native.__file__).parents[2]
RUN_ONE = """
import dataclasses, json, sys
from pageswap import native
from pageswap.errors import CoreError, MethodUnavailableError
try:
    answer = dataclasses.asdict(native.run_trial(native.TrialParams(**json.load(sys.stdin))))
except CoreError as error:
    answer = {"call": error.call, "name": error.errno_name, "text": str(error)}
except MethodUnavailableError as error:
    answer = {"unavailable": str(error)}
print(json.dumps(answer))
"""


def run_apart(
    trial: native.TrialParams,
    *,
    core: pathlib.Path = PACKAGE_ROOT,
    preloaded: pathlib.Path | None = None,
    **settings: str,
) -> tuple[dict[str, Any], str]:
    """Return the result or the error as a document, and what was written to standard error; the process must end well.

    `core` is the folder that has `pageswap` in it, `preloaded` a library whose calls stand before all others', and
    `settings` are variables of the environment.
    """
    before = [*os.environ.get("LD_PRELOAD", "").split(), *([] if preloaded is None else [str(preloaded)])]
    environment = os.environ | settings | {"LD_PRELOAD": " ".join(before), "PYTHONPATH": str(core)}
    done = subprocess.run(
        [sys.executable, "-c", RUN_ONE],
        input=json.dumps({**trial.fields, "pairs": trial.pairs, "trace": list(trial.trace)}),
        cwd=core,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer, done.stderr
