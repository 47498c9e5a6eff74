"""A program's arguments survive every login shell, or are refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pageswap.errors import HostError
from pageswap.fleet.transport.transport import shell_text

SHELLS = [
    found for found in map(shutil.which, ("sh", "dash", "bash", "zsh", "fish", "tcsh", "ksh", "busybox")) if found
]
SHOW = "import json,sys;print(json.dumps(sys.argv[1:]))"


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(words=st.lists(st.text(max_size=40), max_size=3))
@example(["a' touch canary '"])
@example(["$(touch canary)", "~", "=ls", "*", ""])
@example(["`touch canary`", "a b", "{a,b}", "#x", "-n"])
@example(["a\ntouch canary\n"])
@example(["a\\'", "!!", "%1", "päge .+@=:,~-"])
def test_words_are_refused_or_arrive_as_they_are(shell: str, words: list[str]) -> None:
    """Whatever is in them: the shell hands them on, and does nothing else."""
    try:
        text = shell_text([sys.executable, "-I", "-S", "-c", SHOW, *words])
    except HostError as error:
        assert "cannot be handed to a shell unharmed" in str(error)  # noqa: PT017 - either way is right
        return

    applet = ["sh"] if shell.endswith("busybox") else []
    done = subprocess.run([shell, *applet, "-c", text], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.stderr == b""
    assert json.loads(done.stdout) == words
