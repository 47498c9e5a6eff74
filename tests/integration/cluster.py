"""A cluster of test hosts with a real Slurm: a login host, where the controller runs, and nodes that share a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.integration import network as networks
from tests.integration.agent_processes import by_role, living
from tests.integration.fleet import Fleet
from tests.integration.lab import wait_until
from tests.integration.network import USER, USERS, Network

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.agent_processes import Process
    from tests.integration.network import Host

LOGIN = "gate"
# Below it nobody else's programs live on this machine.
WORKDIR = f"/shared/ps{os.getpid()}"
TOOLS = ("slurmctld", "slurmd", "sbatch", "munged")
CONFIG = """\
ClusterName=lab
SlurmctldHost={login}({address})
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
StateSaveLocation=/var/spool/lab
SlurmdSpoolDir=/var/spool/labd
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile=/var/log/slurmctld.log
SlurmdLogFile=/var/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=bf_interval=2,sched_min_interval=100000
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
ReturnToService=2
KillWait=10
SlurmdTimeout=20
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
{nodes}PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=closed Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=1 AllowAccounts=others
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
PartitionName=crowded Nodes=ALL MaxTime=3 State=UP PriorityTier=1 OverSubscribe=FORCE:4
"""


def what_is_missing() -> str:
    """Say why no cluster can be made here, "" if it can."""
    missing = [tool for tool in TOOLS if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    why = f"no {', '.join(missing)}: apt-get install slurmctld slurmd slurm-client munge" if missing else ""
    return networks.what_is_missing() or why


class Cluster:
    """The hosts of a cluster, and what its operator may do to it."""

    def __init__(self, folder: Path, nodes: int) -> None:
        """Make the hosts and start everything."""
        self.network = Network(folder / "network")
        self.shared = folder / "shared"
        self.shared.mkdir(mode=0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=0700", "lab", str(self.shared)], check=True)
        os.chown(self.shared, USERS[USER], USERS[USER])
        self.names = [f"n{number}" for number in range(1, nodes + 1)]
        self.login = self.network.add(LOGIN, shared=self.shared)
        with ThreadPoolExecutor() as pool:
            made = list(pool.map(lambda name: self.network.add(name, shared=self.shared), self.names))
        self.nodes = dict(zip(self.names, made, strict=True))
        each = f"CPUs={os.cpu_count()} RealMemory=500 Feature=lab State=UNKNOWN"
        lines = "".join(f"NodeName={name} NodeAddr={host.address} {each}\n" for name, host in self.nodes.items())
        config = CONFIG.format(login=LOGIN, address=self.login.address, nodes=lines)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda host: self._prepare(host, config), (self.login, *made)))
        self.start_slurmctld()
        for name in self.names:
            self.start_slurmd(name)
        # What lives while no agent does is none later, and is not looked at while a trial is waited for.
        self._others: set[str] = set()
        wait_for(lambda: self.states() == dict.fromkeys(self.names, "idle"))
        self.settled()

    def _prepare(self, host: Host, config: str) -> None:
        host.path("etc/slurm").mkdir(exist_ok=True)
        host.path("etc/slurm/slurm.conf").write_text(config)
        for path in ("var/spool/lab", "var/spool/labd"):
            host.path(path).mkdir(exist_ok=True)
        self.start_munged(host)

    def start_munged(self, host: Host) -> None:
        """Have a host speak for its users."""
        host.run("install", "-d", "-o", "munge", "-g", "munge", "-m", "755", "/run/munge")
        host.run("/usr/sbin/munged", "--force", user=None)

    def end_munged(self, host: Host) -> None:
        """Have nobody speak for a host's users, which is known at once where its socket is gone, too."""
        host.run("pkill", "-TERM", "-x", "munged")
        wait_for(lambda: not host.run("find", "/run/munge", "-type", "s"))

    def start_slurmctld(self) -> None:
        """Have the jobs scheduled, those of before as well."""
        self.login.run("/usr/sbin/slurmctld")

    def start_slurmd(self, name: str) -> None:
        """Have a node take jobs."""
        self.nodes[name].run("/usr/sbin/slurmd", "-N", name)

    def kill(self, host: Host, program: str) -> None:
        """Kill one of the daemons on a host."""
        host.run("pkill", "-KILL", "-x", program)

    def operate(self, *words: str) -> str:
        """Change something with scontrol."""
        return self.login.run("scontrol", *words)

    def states(self) -> dict[str, str]:
        """Give the state of each node as sinfo has it."""
        text = self.login.run("sinfo", "--noheader", "--Node", "--partition=main", "--format=%N %T", check=False)
        return dict(line.split() for line in text.splitlines())

    def jobs(self, state: str = "") -> dict[int, str]:
        """Give the nodes that living jobs ask for, by number; those in a state if one is named."""
        text = self.login.run("squeue", "--noheader", "--Format=JobID:20,State:20,ReqNodes:40")
        rows = [(*line.split(), "") for line in text.splitlines()]
        return {int(words[0]): words[2] for words in rows if state in ("", words[1])}

    def submit(self, *options: str, seconds: int = 600) -> int:
        """Have a foreign job on the cluster; gives its number."""
        script = f"#!/bin/sh\nexec sleep {seconds}\n"
        options = ("--parsable", "--output=/dev/null", "--chdir=/", *options)
        # Where it is entered from outside a host has no current folder.
        there = ("sh", "-c", 'cd / && exec "$@"', "sh", "sbatch")
        return int(self.login.run(*there, *options, user=USER, input=script))

    def minutes(self, number: int) -> str:
        """Give a job's time limit as Slurm tells it."""
        return self.login.run("squeue", "--noheader", f"--jobs={number}", "--Format=TimeLimit").strip()

    def cancel(self, number: int) -> None:
        """End a job from outside."""
        self.login.run("scancel", str(number), check=False)

    def roles(self) -> dict[str, list[int]]:
        """Sort the living programs of agents on all hosts."""
        return by_role(self._programs())

    def agents(self) -> list[Process]:
        """List what agents live on any node, with what they have begun."""
        return [each for each in self._programs() if each.verb == "measure"]

    def _programs(self) -> list[Process]:
        mark = f"{WORKDIR}/bundles/"
        found = living(lambda pid: str(pid) not in self._others)
        return [each for each in found if any(word.startswith(mark) for word in each.words)]

    def uploaded(self) -> dict[str, int]:
        """Give when each file of a bundle was written, by its path; in ns since the epoch."""
        folder = self.shared / WORKDIR.removeprefix("/shared/") / "bundles"
        return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}

    def settled(self) -> None:
        """Wait until no job and no agent is left, and all nodes are free."""
        for number in self.jobs():
            self.cancel(number)
        wait_for(lambda: not self.jobs() and not self.agents())
        wait_for(lambda: self.states() == dict.fromkeys(self.names, "idle"))
        self._others = {entry.name for entry in Path("/proc").iterdir()}

    def end(self) -> None:
        """End all hosts."""
        self.network.end()
        subprocess.run(["umount", "-l", str(self.shared)], check=True)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait for something that Slurm tells, which takes it seconds, and costs something to ask."""
    wait_until(condition, 60.0, 0.2)


class ClusterFleet(Fleet):
    """A controller's folders, with an inventory that knows the cluster."""

    def inventory(self, **partitions: str) -> Path:
        """Write an inventory with the cluster, and it by other names, each with a partition of its own."""
        path = self.folder / "hosts.yaml"
        entries = "".join(
            f"  {name}: {{slurm: {{login: {LOGIN}, workdir: {WORKDIR}, partition: {partition}}}}}\n"
            for name, partition in {"cluster": "main", **partitions}.items()
        )
        path.write_text(f"hosts:\n{entries}")
        return path

    def begin(self, *hosts: str, **words: Any) -> Any:
        """Start a run on the cluster, or on what is named of it."""
        inventory = words.pop("inventory", None) or self.inventory()
        return super().begin(*(hosts or ("cluster",)), inventory=inventory, **words)
