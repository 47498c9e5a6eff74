"""What the agent needs of the C core, in the journal's words; tests put their own in its place."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from pageswap.errors import CoreError, MethodUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pageswap.agent.journal.job import TrialSpec
    from pageswap.agent.trial.child_watcher import ChildLimits, Work
    from pageswap.native import TrialProcess


@dataclasses.dataclass(frozen=True)
class Core:
    """What the agent asks of the core; `methods` and `info` give plain JSON values."""

    methods: Callable[[], list[dict[str, Any]]]
    info: Callable[[], dict[str, Any]]
    # Takes the trial and the CPUs for its threads, the first thread's first. The result that the child leaves has the
    # fields of native.TrialResult.
    trial: Callable[[TrialSpec, tuple[int, ...]], Work]
    # Takes the parent's process id, in a fork of it; raises CoreError.
    enter_child: Callable[[int, ChildLimits], None]
    # Of each backing whose pages are of the host's pool of huge pages: their size.
    reserved_page_bytes: Mapping[str, int]


def native_core() -> Core:
    """Load the compiled core; raises ImportError or OSError where this host cannot."""
    from pageswap import native  # the shared object is loaded only by the verbs that need it

    def trial(spec: TrialSpec, cpus: tuple[int, ...]) -> Work:
        # The core's names say the unit of a size: page_bytes.
        levels: dict[str, Any] = {re.sub("_size$", "_bytes", name): level for name, level in spec.levels.items()}
        params = native.TrialParams(
            workload=spec.workload,
            rounds=spec.rounds,
            seed=spec.seed,
            cpus=cpus,
            **levels,
        )
        return _Trial(native.TrialProcess(params))

    def enter_child(parent: int, limits: ChildLimits) -> None:
        native.enter_child(parent, **vars(limits))

    return Core(
        methods=lambda: [_fields(method) for method in native.methods()],
        info=native.core_info,
        trial=trial,
        enter_child=enter_child,
        reserved_page_bytes={backing.name: backing.reserved_page_bytes for backing in native.backings()},
    )


class _Trial:
    """`child_watcher.Work` that is a trial of the compiled core."""

    def __init__(self, process: TrialProcess) -> None:
        self._process = process

    def start(self, limits: ChildLimits) -> int:
        return self._process.start(**vars(limits))

    def message(self) -> dict[str, Any] | None:
        try:
            result = self._process.result()
        except CoreError as error:
            return {"core": [error.call, error.errno_name, str(error)]}
        except MethodUnavailableError as error:
            return {"unavailable": str(error)}
        return None if result is None else {"result": _fields(result)}


def _fields(record: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass of native
    # Not dataclasses.asdict: it copies rounds_ns element by element.
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
