"""A controller as a process of its own, for tests that kill or interrupt it: runs or resumes what its argument says."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pageswap import campaign, plan, spec
from pageswap.campaign.events import Event, Started
from pageswap.campaign.progress import Lines
from pageswap.errors import PageswapError

if TYPE_CHECKING:
    from pageswap.store import Store


def no_report(_store: Store, path: Path) -> Path:
    """Stand in for the report, which takes two seconds that these tests have no use for."""
    return path


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
            outcome = campaign.resume(Path(words["resume"]), on_event=on_event, render=no_report)
        else:
            planned = plan.make(spec.load(Path(words["spec"])))
            options = campaign.Options(**words.get("options", {}))
            outcome = campaign.run(
                planned, results_dir=Path(words["results"]), options=options, on_event=on_event, render=no_report
            )
    except PageswapError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    sys.stdout.write(json.dumps({"statuses": outcome.statuses, "missing": outcome.missing}) + "\n")
    return outcome.exit_code


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
