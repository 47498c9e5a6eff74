"""What the agent has the C core do, each in a child: a trial, and Python calls that may crash or hang in it."""

from __future__ import annotations

import dataclasses
import json
import mmap
import os
import re
from typing import TYPE_CHECKING, Any

from pageswap.agent.journal.journal import MAX_LINE_BYTES
from pageswap.agent.trial.child_watcher import fork
from pageswap.agent.workspace.work_folder import this_cache
from pageswap.errors import CoreError, HostError, MethodUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pageswap.agent.journal.job import TrialSpec
    from pageswap.agent.trial.child_watcher import Work


@dataclasses.dataclass(frozen=True)
class CoreCalls:
    """What the agent asks of the core; tests put their own in its place. `methods` and `info` give plain JSON."""

    methods: Callable[[], list[dict[str, Any]]]
    info: Callable[[], dict[str, Any]]
    # Takes the trial and the CPUs for its threads, the first thread's first, and the lines of its trace where it has
    # one; its result is a native.TrialResult.
    trial: Callable[..., Work]
    # Takes the same; its process leaves when its rounds began, too.
    stamped_trial: Callable[..., Any]
    # Takes the same, in a child; returns why this host cannot run the trial now, or "".
    check: Callable[[TrialSpec, tuple[int, ...]], str]
    # Takes the parent's process id, in a fork of it, and limits as Work.start does; raises CoreError.
    enter_child: Callable[..., None]
    # Of each backing whose pages are of the host's pool of huge pages: their size.
    reserved_page_bytes: Mapping[str, int]
    # Of each backing of large folios: their size.
    folio_bytes: Mapping[str, int]


def native_core() -> CoreCalls:
    """Load the compiled core; raises ImportError or OSError where this host cannot."""
    from pageswap import native  # the shared object is loaded only by the verbs that need it

    def params_of(spec: TrialSpec, cpus: tuple[int, ...], trace: Iterable[int] = ()) -> native.TrialParams:
        # The core's names say the unit of a size: page_bytes.
        levels: dict[str, Any] = {re.sub("_size$", "_bytes", name): level for name, level in spec.levels.items()}
        if spec.levels.get("backing") == "file":
            # A bundle lies there, and so there is a disk that may be written to.
            levels["folder"] = this_cache()
        levels["trace"] = trace
        return native.TrialParams(workload=spec.workload, rounds=spec.rounds, seed=spec.seed, cpus=cpus, **levels)

    def check(spec: TrialSpec, cpus: tuple[int, ...]) -> str:
        try:
            native.check_trial(params_of(spec, cpus))
        except MethodUnavailableError as error:
            return str(error)
        except CoreError:
            pass  # What fails is told when it is tried.
        return ""

    return CoreCalls(
        methods=lambda: [dataclasses.asdict(method) for method in native.methods()],
        info=native.core_info,
        trial=lambda *given: native.TrialProcess(params_of(*given)),
        stamped_trial=lambda *given: native.TrialProcess(params_of(*given), is_stamped=True),
        check=check,
        enter_child=native.enter_child,
        reserved_page_bytes={each.name: each.kernel_page_bytes for each in native.backings() if each.is_reserved},
        folio_bytes={each.name: each.folio_bytes for each in native.backings() if each.folio_bytes},
    )


class ForkedCall:
    """`child_watcher.Work` that is a Python function; what it returns must be plain JSON."""

    def __init__(self, core: CoreCalls, function: Callable[[], Any]) -> None:
        """Take who makes a fork a child, and what to call there."""
        self._enter_child = core.enter_child
        self._function = function
        self._memory = mmap.mmap(-1, MAX_LINE_BYTES)

    def start(self, **limits: Any) -> int:  # noqa: ANN401 - as Work.start has them
        """Fork; only the parent returns."""
        parent = os.getpid()
        pid = fork()
        if pid == 0:
            try:
                answer = json.dumps(self._answer(parent, limits)).encode()
                self._memory[: len(answer)] = answer
            finally:
                os._exit(0)
        return pid

    def result(self) -> Any:  # noqa: ANN401 - whatever the function returns
        """Return what the function has; None when the child ended before that. Raises HostError with what it raised."""
        try:
            answer = json.loads(self._memory[: self._memory.find(b"\0")])
        except ValueError:
            return None  # Not written to its end.
        if "error" in answer:
            raise HostError(answer["error"])
        return answer["result"]

    def _answer(self, parent: int, limits: dict[str, Any]) -> dict[str, Any]:
        try:
            self._enter_child(parent, **limits)
            return {"result": self._function()}
        except Exception as error:  # noqa: BLE001 - whatever it is, it becomes the reason
            return {"error": f"{type(error).__name__}: {error}"}
