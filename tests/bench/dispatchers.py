"""Other ways to have hosts execute tiny trials, in the same hosts: ssh in a loop, Ansible, ReFrame."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.integration.network import Network

# Fewer than ours get: these take tens to hundreds of times as long.
TRIALS = 40
TOOLS = Path(__file__).resolve().parents[2] / "build" / "dispatchers"
REQUIREMENTS = ("ansible-core==2.19.*", "reframe-hpc==4.10.*")

# One trial in a fresh process, from the bundle that is already there.
TRIAL = (
    "import glob,os,sys;sys.path.insert(0,glob.glob(os.path.expanduser('~/.cache/pageswap/bundles/*'))[0]);"
    "from pageswap.native import TrialParams,run_trial;"
    "r=run_trial(TrialParams(method='memcpy',workload='swap',backing='private_anon',page_bytes=4096,"
    "region_bytes=262144,iterations=100,threads=1,touch='none',rounds=10,seed=1));"
    "print('verified',r.verified,r.elapsed_ns)"
)
TRIAL_COMMAND = f"python3 -I -S -B -c {shlex.quote(TRIAL)}"


def compare(made: Network, folder: Path, names: Sequence[str], ours_ms: float) -> None:
    """Print wall milliseconds per trial of each way, the hosts working side by side."""
    print(
        f"{'wall per trial of a host, ' + str(len(names)) + ' hosts side by side: pageswap, warm':66} {ours_ms:6.1f} ms"
    )
    for title, way in WAYS.items():
        try:
            wall_s = way(made, folder, names)
        except (OSError, subprocess.SubprocessError, RuntimeError) as error:
            print(f"  {title:64} cannot be measured: {str(error).splitlines()[0]:.100}", flush=True)
        else:
            print(f"  {title + f' ({TRIALS} trials)':64} {wall_s * 1000 / TRIALS:6.1f} ms", flush=True)


def ssh_loop(made: Network, folder: Path, names: Sequence[str]) -> float:
    """Connect anew for each trial."""
    return _loops(made, folder, names, "")


def ssh_loop_shared(made: Network, folder: Path, names: Sequence[str]) -> float:
    """Keep one connection to each host, as ControlMaster does."""
    return _loops(made, folder, names, f"-o ControlMaster=auto -o ControlPersist=60 -o ControlPath={folder}/c-%C")


def _loops(made: Network, folder: Path, names: Sequence[str], options: str) -> float:
    script = folder / "loop.sh"
    ssh = f"ssh -F {made.ssh_config} -o BatchMode=yes {options} $1 {shlex.quote(TRIAL_COMMAND)}"
    script.write_text(f"set -e\nfor i in $(seq {TRIALS}); do {ssh} </dev/null; done\n")
    start = time.monotonic()
    loops = [
        subprocess.Popen([*made.inside, "sh", str(script), name], stdout=subprocess.PIPE, text=True) for name in names
    ]
    outputs = [loop.communicate()[0] for loop in loops]
    wall_s = time.monotonic() - start
    _check(sum(output.count("verified True") for output in outputs), len(names))
    return wall_s


def ansible(made: Network, folder: Path, names: Sequence[str]) -> float:
    """Loop a task, with pipelining and one connection to each host, the hosts not waiting for each other."""
    inventory, playbook = folder / "inventory.ini", folder / "play.yaml"
    inventory.write_text("".join(f"{name} ansible_python_interpreter=/usr/bin/python3\n" for name in names))
    task = {"command": {"argv": ["python3", "-I", "-S", "-B", "-c", TRIAL]}, "loop": list(range(TRIALS))}
    playbook.write_text(
        json.dumps([{"hosts": "all", "gather_facts": False, "strategy": "free", "tasks": [{**task, "register": "r"}]}])
    )
    environment = {
        "ANSIBLE_SSH_ARGS": f"-F {made.ssh_config} -o ControlMaster=auto -o ControlPersist=60s",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_FORKS": str(len(names)),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "cp"),
        "LC_ALL": "C.UTF-8",
    }
    command = [str(_tool("ansible-playbook")), "-v", "-i", str(inventory), str(playbook)]
    wall_s, output = _timed([*made.inside, *command], environment)
    _check(output.count("verified True") // (2 if output.count('"stdout_lines"') else 1), len(names))
    return wall_s


REFRAME_CHECK = """
import reframe as rfm
import reframe.utility.sanity as sn

@rfm.simple_test
class Trial(rfm.RunOnlyRegressionTest):
    number = parameter(range({trials}))
    valid_systems = ["lab"]
    valid_prog_environs = ["none"]
    executable = "python3"
    executable_opts = ["-I", "-S", "-B", "-c", {trial!r}]

    @sanity_function
    def verified(self):
        return sn.assert_found("verified True", self.stdout)
"""


def reframe(made: Network, folder: Path, names: Sequence[str]) -> float:
    """Make each host a partition with the ssh scheduler, and each trial a test."""
    tests, config = folder / "trials.py", folder / "reframe_config.py"
    tests.write_text(REFRAME_CHECK.format(trials=TRIALS, trial=shlex.quote(TRIAL)))
    partitions = [
        {
            "name": name,
            "scheduler": "ssh",
            "launcher": "local",
            "environs": ["none"],
            "access": ["-F", str(made.ssh_config)],
            "sched_options": {"ssh_hosts": [name]},
            "max_jobs": 1,
        }
        for name in names
    ]
    system = {"name": "lab", "hostnames": [".*"], "partitions": partitions}
    site = {"systems": [system], "environments": [{"name": "none", "target_systems": ["lab"]}]}
    config.write_text(f"site_configuration = {site!r}\n")
    command = [str(_tool("reframe")), "-C", str(config), "-c", str(tests), "-r", "--system=lab", "--nocolor"]
    here = {"HOME": str(folder), "TMPDIR": str(folder), "RFM_PREFIX": str(folder), "LC_ALL": "C.UTF-8"}
    wall_s, output = _timed([*made.inside, *command], here)
    _check(len(re.findall(r"\[ +OK ?\]", output)), len(names))
    return wall_s


WAYS: dict[str, Callable[[Network, Path, Sequence[str]], float]] = {
    "ssh in a loop, a connection for each trial": ssh_loop,
    "ssh in a loop, one connection (ControlMaster)": ssh_loop_shared,
    "Ansible, one task looped, pipelining, strategy free": ansible,
    "ReFrame, ssh scheduler, a test for each trial": reframe,
}


def _timed(command: Sequence[str], environment: dict[str, str]) -> tuple[float, str]:
    start = time.monotonic()
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=TOOLS,
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[3]).name} ended with {done.returncode}: {done.stdout[-2000:]!r}")
    return time.monotonic() - start, done.stdout


def _check(verified: int, hosts: int) -> None:
    if verified != TRIALS * hosts:
        raise RuntimeError(f"{verified} of {TRIALS * hosts} trials verified")


def _tool(name: str) -> Path:
    """Give a program of PyPI's, installed in an environment of its own, which is no part of the project's."""
    if not (TOOLS / "bin" / name).exists():
        subprocess.run([sys.executable, "-m", "venv", str(TOOLS)], check=True)
        install = [TOOLS / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS]
        subprocess.run(install, check=True, capture_output=True)
    return TOOLS / "bin" / name
