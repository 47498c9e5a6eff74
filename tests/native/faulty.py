"""Runs a trial in a process of its own in which some calls fail, fall short or lie (faulty_calls.c)."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
from typing import Any

from pageswap import native

PACKAGE_ROOT = pathlib.Path(native.__file__).parents[2]
RUN_ONE = """
import dataclasses, json, sys
from pageswap import native
from pageswap.errors import CoreError
fields = json.loads(sys.argv[1])
fields["pairs"] = tuple(map(tuple, fields["pairs"]))
try:
    answer = dataclasses.asdict(native.run_trial(native.TrialParams(**fields)))
except CoreError as error:
    answer = {"call": error.call, "name": error.errno_name, "text": str(error)}
print(json.dumps(answer))
"""


def run_faulty(shim: pathlib.Path, trial: native.TrialParams, **faults: object) -> dict[str, Any]:
    """Run a trial under the shim; `faults` are its settings. Gives the result, or the error, and how many `faults`."""
    preload = " ".join([*os.environ.get("LD_PRELOAD", "").split(), str(shim)])
    settings = {f"FAULTY_{key.upper()}": str(value) for key, value in faults.items()}
    environment = os.environ | settings | {"LD_PRELOAD": preload, "PYTHONPATH": str(PACKAGE_ROOT)}
    command = [sys.executable, "-c", RUN_ONE, json.dumps({**trial.fields, "pairs": trial.pairs})]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    told = re.search(r"faults=(\d+)", done.stderr)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer | {"faults": int(told[1]) if told else 0}
