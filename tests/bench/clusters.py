"""Prints what it costs to measure the nodes of a Slurm cluster, beside the same hosts over ssh.

The nodes are network namespaces of this machine with a slurmd each, all of which share its CPUs. Needs root and Slurm.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import dispatch

from pageswap.errors import PageswapError
from tests.integration.cluster import Cluster, ClusterFleet, what_is_missing
from tests.integration.fleet import Ended, check_whole, finish

NODES = 32
TAKES = ("cold", "warm")


def main() -> int:
    """Print the table; 1 when the controller is larger than it may be."""
    missing = what_is_missing()
    if missing:
        print(f"clusters: cannot be measured here: {missing}")
        return 0
    with tempfile.TemporaryDirectory(prefix="pageswap-clusters-") as text:
        folder = Path(text)
        start = time.monotonic()
        cluster = Cluster(folder, NODES)
        print(f"a cluster of {NODES} nodes is up after {time.monotonic() - start:.0f} s", flush=True)
        try:
            return _measure(cluster, folder)
        finally:
            cluster.end()


def _measure(cluster: Cluster, folder: Path) -> int:
    spec = dispatch.write_spec(folder, repeats=1, warmups=0)
    peaks = []
    for way in ("Slurm", "ssh"):
        fleet = ClusterFleet(folder, cluster.network)
        nodes = [f"cluster/{name}" if way == "Slurm" else name for name in cluster.names]
        for heat in TAKES:
            start = time.monotonic()
            ended: Ended = finish(fleet.begin(*nodes, spec=spec), dispatch.PATIENCE_S)
            seconds = time.monotonic() - start
            if ended.code or ended.run_dir is None:
                raise PageswapError(f"a run ended with {ended.code}: {ended.errors[-500:]}")
            check_whole(ended.run_dir, spec, nodes)
            peaks.append(ended.peak_mib)
            told = f"{way}, {heat}: wall, a node's share of it, the controller's peak size"
            print(f"{told:66} {seconds:6.1f} s {seconds / NODES * 1000:6.0f} ms {ended.peak_mib:6.0f} MiB", flush=True)
    return 0 if max(peaks) <= dispatch.MOST_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
