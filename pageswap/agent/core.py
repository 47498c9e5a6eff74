"""What the agent needs of the C core, in the journal's words; tests put their own in its place."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pageswap.agent.job import TrialSpec


@dataclasses.dataclass(frozen=True)
class Core:
    """The calls the agent makes; all but `die_with_parent` give plain JSON values."""

    methods: Callable[[], list[dict[str, Any]]]
    info: Callable[[], dict[str, Any]]
    # Takes the trial and the CPUs for its threads, the first thread's first; gives the fields of native.TrialResult.
    # Raises CoreError, MethodUnavailableError or MemoryError.
    run_trial: Callable[[TrialSpec, tuple[int, ...]], dict[str, Any]]
    die_with_parent: Callable[[], None]


def native_core() -> Core:
    """Load the compiled core; raises ImportError or OSError where this host cannot."""
    from pageswap import native  # noqa: PLC0415 - the shared object is loaded only by the verbs that need it

    def run_trial(trial: TrialSpec, cpus: tuple[int, ...]) -> dict[str, Any]:
        params = native.TrialParams(
            method=trial.method,
            workload=trial.workload,
            backing=trial.backing,
            page_bytes=trial.page_size,
            region_bytes=trial.region_size,
            iterations=trial.iterations,
            threads=trial.threads,
            touch=trial.touch,
            rounds=trial.rounds,
            seed=trial.seed,
            pattern=trial.pattern,
            distance=trial.distance,
            run_pages=trial.run_pages,
            alignment=trial.alignment,
            neighbours=trial.neighbours,
            cpus=cpus,
        )
        return _fields(native.run_trial(params))

    return Core(
        methods=lambda: [_fields(method) for method in native.methods()],
        info=native.core_info,
        run_trial=run_trial,
        die_with_parent=native.die_with_parent,
    )


def _fields(record: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass of native
    # Not dataclasses.asdict: it copies rounds_ns element by element.
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
