"""A cluster of test hosts with a real Slurm: a login host, where the controller runs, and nodes that share a folder."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tests.integration import network as networks
from tests.integration.fleet import Fleet
from tests.integration.lab import wait_until
from tests.integration.network import USER, USERS, Network

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.agent_processes import Process
    from tests.integration.network import Host

LOGIN = "gate"
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
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
PartitionName=crowded Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=1 OverSubscribe=FORCE:4
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
        lines = "".join(
            f"NodeName={name} NodeAddr={host.address} CPUs={os.cpu_count()} RealMemory=500 Feature=lab State=UNKNOWN\n"
            for name, host in self.nodes.items()
        )
        config = CONFIG.format(login=LOGIN, address=self.login.address, nodes=lines)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda host: self._prepare(host, config), (self.login, *made)))
        self.start_slurmctld()
        for name in self.names:
            self.start_slurmd(name)
        wait_until(lambda: self.states() == dict.fromkeys(self.names, "idle"))

    def _prepare(self, host: Host, config: str) -> None:
        folder = host.path("etc/slurm")
        folder.mkdir(exist_ok=True)
        (folder / "slurm.conf").write_text(config)
        for path in ("var/spool/lab", "var/spool/labd"):
            host.path(path).mkdir(exist_ok=True)
        self.start_munged(host)

    def start_munged(self, host: Host) -> None:
        """Have a host speak for its users."""
        host.run("install", "-d", "-o", "munge", "-g", "munge", "-m", "755", "/run/munge")
        host.run("/usr/sbin/munged", "--force", user=None)

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

    def cancel(self, number: int) -> None:
        """End a job from outside."""
        self.login.run("scancel", str(number), check=False)

    def agents(self) -> list[Process]:
        """List what agents, and what they have begun, live on any node."""
        return [each for host in self.nodes.values() for each in host.processes() if each.verb]

    def journals(self) -> list[Path]:
        """List the journals on the shared folder, the newest run's last."""
        return sorted(self.shared.glob("ps/runs/*/*/*/journal.jsonl"))

    def bundles(self) -> list[str]:
        """List what was uploaded."""
        folder = self.shared / "ps/bundles"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def settled(self) -> None:
        """Wait until no job and no agent is left, and all nodes are free."""
        for number in self.jobs():
            self.cancel(number)
        wait_until(lambda: not self.jobs() and not self.agents(), 60.0)
        wait_until(lambda: set(self.states().values()) == {"idle"}, 60.0)

    def end(self) -> None:
        """End all hosts."""
        self.network.end()
        subprocess.run(["umount", "-l", str(self.shared)], check=True)


@dataclasses.dataclass
class ClusterFleet(Fleet):
    """A controller's folders, with an inventory that knows the cluster."""

    cluster: Cluster | None = None
    seen: int = 0

    def inventory(self, **words: object) -> Path:
        """Write an inventory with a cluster that is described by `words` beside its login host and folder."""
        entry = {"login": LOGIN, "workdir": "/shared/ps", "partition": "main", **words}
        text = ", ".join(f"{key}: {value}" for key, value in entry.items())
        path = self.folder / "hosts.yaml"
        path.write_text(f"hosts:\n  cluster:\n    slurm: {{{text}}}\n")
        return path

    def under_way(self, lines: int = 4) -> None:
        """Wait until so many lines are in the journals of the newest run."""
        assert self.cluster
        cluster = self.cluster

        def count() -> int:
            found = cluster.journals()
            own = [path for path in found if path.parts[-4] == found[-1].parts[-4]]
            return sum(path.read_bytes().count(b"\n") for path in own)

        before = self.seen
        wait_until(lambda: len(cluster.journals()) > before and count() >= lines, 60.0)

    def begin(self, *hosts: str, **words: Any) -> Any:
        """Start a run on the cluster, or on what is named of it."""
        words.setdefault("inventory", self.inventory())
        return super().begin(*(hosts or ("cluster",)), **words)


def waits_for(errors: str) -> list[str]:
    """Give what hosts were told to wait for."""
    return re.findall(r"waiting: (.*)", errors)
