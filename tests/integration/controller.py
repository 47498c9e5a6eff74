"""A controller as a process of its own, for tests that kill or interrupt it: runs or resumes what its argument says."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pageswap.campaign import run_and_resume
from pageswap.campaign.events import Event, Started
from pageswap.campaign.options import Options, make_targets
from pageswap.campaign.progress import Lines
from pageswap.errors import PageswapError
from pageswap.fleet.cluster_nodes import each_node
from pageswap.fleet.inventory import Inventory
from pageswap.fleet.transport.transport import Reach
from pageswap.plan import plan
from pageswap.spec import loader as spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.campaign.outcome import Outcome
    from pageswap.store.store import Store


def no_report(_store: Store, path: Path) -> Path:
    """Stand in for the report, which takes two seconds that these tests have no use for."""
    return path


def _run(words: dict[str, Any], on_event: Callable[[Event], None]) -> Outcome:
    inventory = Path(words["inventory"]) if words.get("inventory") else None
    options = Options(**words.get("options", {}))
    reach = Reach(Path(options.ssh_config) if options.ssh_config else None)
    hosts = each_node(Inventory.load(inventory).select(words.get("hosts", ["local"])), reach)
    options = dataclasses.replace(options, hosts=tuple(host.to_json() for host in hosts))
    return run_and_resume.run(
        plan.make(spec.load(Path(words["spec"]))),
        results_dir=Path(words["results"]),
        options=options,
        targets=make_targets(hosts, options, accept_new=words.get("accept_new", False)),
        on_event=on_event,
        render=no_report,
    )


def _peak_kib() -> int:
    """Give the most memory that this process had; getrusage would count what it was before it became a controller."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1])


def main(words: dict[str, Any]) -> int:
    """Do it, telling on standard output where the run lies and how it ended; gives the exit code."""
    show = Lines(sys.stderr)

    def on_event(event: Event) -> None:
        show(event)
        if isinstance(event, Started):
            sys.stdout.write(f"{event.run_dir}\n")
            sys.stdout.flush()

    try:
        if "resume" in words:
            outcome = run_and_resume.resume(Path(words["resume"]), on_event=on_event, render=no_report)
        else:
            outcome = _run(words, on_event)
    except PageswapError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    said = {"statuses": outcome.statuses, "missing": outcome.missing, "peak_kib": _peak_kib()}
    sys.stdout.write(json.dumps(said) + "\n")
    return outcome.exit_code


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
