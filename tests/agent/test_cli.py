"""The program's manners: one line of JSON for every mistake, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from agent.harness import make_trial
from requirement import require_own_mounts

from pageswap.agent.host_words import misfit, read_object
from pageswap.agent.journal.line_fields import ANSWERS

if TYPE_CHECKING:
    from pathlib import Path

    from agent.harness import Host

_COMMAND = [sys.executable, "-m", "pageswap.agent"]


def _run(*arguments: str, given: bytes = b"{}") -> dict[str, object]:
    done = subprocess.run([*_COMMAND, *arguments], input=given, capture_output=True, check=False)
    assert done.stderr == b""
    assert done.returncode == 1
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("arguments", [(), ("dance",), ("status", "now"), ("--help",)])
def test_anything_but_one_verb_is_refused_with_the_verbs(arguments: tuple[str, ...]) -> None:
    """The error lists them."""
    assert "expected one verb of facts, start, measure, follow, stop, status" in str(_run(*arguments)["error"])


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (b"", "expected a JSON object"),
        (b"nonsense", "expected a JSON object"),
        (b"nonsense\n", "expected a JSON object"),
        (b"[]", "expected a JSON object"),
        (b"[" * 100_000, "expected a JSON object"),
        (b"\xff\n", "expected a JSON object"),
        (b"{}", "work_dir is None, expected str"),
        (b'{"work_dir":1}', "work_dir is 1, expected str"),
        (b'{"work_dir":"here"}', "'here' is not an absolute path"),
    ],
)
def test_bad_input_is_one_clear_error(given: bytes, problem: str) -> None:
    """Whatever comes in."""
    assert problem in str(_run("status", given=given)["error"])


def test_one_line_of_input_is_enough(host: Host) -> None:
    """Over some connections the input cannot be closed."""
    with subprocess.Popen([*_COMMAND, "status"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps({"work_dir": str(host.work_dir)}).encode() + b"\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())

    assert answer == {"alive": False, "pid": None, "journal_bytes": 0, "log": ""}


def test_a_log_of_what_is_no_text_fits_an_answer(host: Host) -> None:
    """As a power cut leaves it: what else is left on the host is collected all the same."""
    host.work_dir.mkdir(parents=True)
    (host.work_dir / "agent.log").write_bytes(b"\0" * 5000)
    answer = read_object(json.dumps(host.call("status")).encode())

    assert misfit(answer, ANSWERS["status"]) == ""
    assert answer["log"].endswith(r"\x00\x00")


def test_status_loads_neither_the_core_nor_what_only_a_job_needs() -> None:
    """It is asked often, and must be quick."""
    script = (
        "import sys; from pageswap.agent.cli import main; main(['status']);"
        "print([name for name in sys.modules if name.startswith(('pageswap.native', '_cffi', 'dataclasses', 'pwd'))])"
    )

    done = subprocess.run(
        [sys.executable, "-S", "-c", script], input=b'{"work_dir":"/nowhere"}', capture_output=True, check=True
    )

    assert done.stdout.splitlines()[1] == b"[]"


@pytest.mark.parametrize("verb", ["facts", "start", "clean"])
def test_a_host_without_proc_is_one_clear_line(host: Host, tmp_path: Path, verb: str) -> None:
    """Nothing is started or removed there: a bundle in use would be seen in /proc alone."""
    require_own_mounts()
    old = tmp_path / "cache" / "bundles" / ("0" * 64)
    old.mkdir(parents=True)
    os.utime(old, (0, 0))
    document = {
        "work_dir": str(host.work_dir),
        "job": host.job(make_trial()),
        "cache": str(tmp_path / "cache"),
        "runs": "finished",
    }
    unmounted = ["unshare", "--mount", "sh", "-c", 'umount -l /proc && exec "$@"', "sh"]
    done = subprocess.run(
        [*unmounted, *_COMMAND, verb], input=json.dumps(document).encode(), capture_output=True, check=False
    )

    assert (done.returncode, done.stderr) == (1, b"")
    expected = "/proc is not mounted on this host; as root: mount -t proc proc /proc"
    assert json.loads(done.stdout) == {"error": expected}
    assert old.exists()
    assert not host.work_dir.exists()


def test_no_umask_of_a_session_shuts_the_agent_out(tmp_path: Path) -> None:
    """A mark that its own followers cannot touch again would end the agent as one that nobody follows."""
    (tmp_path / "journal.jsonl").write_text('{"kind":"end"}\n')
    given = json.dumps({"work_dir": str(tmp_path), "offset": 0}).encode()
    done = subprocess.run([*_COMMAND, "follow"], input=given, capture_output=True, check=True, umask=0o777)

    assert (done.stdout, done.stderr) == (b'{"kind":"end"}\n', b"")
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("followed", "delivered")] == [0o600, 0o600]
