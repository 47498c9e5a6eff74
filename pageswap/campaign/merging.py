"""Puts runs together that were measured under the same conditions, and says of others which condition differs."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

from pageswap.agent.host.conditions import find
from pageswap.analysis.trials.run_data import levels_key, levels_of
from pageswap.campaign.run_folders import held, make_run_dir, new_run_id, open_run
from pageswap.catalogue.run_columns import keep_columns
from pageswap.comparison.environments import differences, run_differences
from pageswap.errors import UsageError
from pageswap.store.merged import create_merged
from pageswap.store.schema import DATABASE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pageswap.store.store import Store

# What must not have changed between two starts of an agent of one run.
_OF_SEGMENTS = ("kernel", "cpu_model", "core_hash")


class Merged(NamedTuple):
    """The run that was made: its folder, how many blocks it has, and the runs that it is made of."""

    folder: Path
    blocks: int
    run_ids: list[str]


def merge(results_dir: Path, folders: Sequence[Path]) -> Merged:
    """Make one run, in a folder of its own, of two or more finished ones, which stay as they are.

    They must be of one experiment, with the same cases and hosts, and nothing that matters may differ between their
    hosts' conditions but amounts that are another at each moment, such as the load. Raises UsageError that names what
    does, StoreError.
    """
    if len(folders) < 2:  # noqa: PLR2004 - one is what it is
        raise UsageError(f"--run: two or more runs are put together, found {len(folders)}")
    with contextlib.ExitStack() as opened:
        stores = [opened.enter_context(open_run(folder)) for folder in folders]
        for store in stores:
            _check_finished(store)
        for other in stores[1:]:
            _check_alike(stores[0], other)
        own = {levels_key(levels_of(case)): str(case["case_id"]) for case in stores[0].cases()}
        cases = [{str(case["case_id"]): own[levels_key(levels_of(case))] for case in each.cases()} for each in stores]
        metas = [store.meta() for store in stores]
        run_ids = [str(meta["run_id"]) for meta in metas]
        run_id = new_run_id()
        folder = make_run_dir(results_dir, metas[0]["experiment"]["name"], run_id)
        try:
            with held(folder):
                provenance = _provenance(metas, run_ids)
                blocks = create_merged(folder / DATABASE, stores, run_id=run_id, provenance=provenance, cases=cases)
                with open_run(folder, is_held=True) as made:
                    keep_columns(made)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return Merged(folder, blocks, run_ids)


def _check_finished(store: Store) -> None:
    meta = store.meta()
    missing = sum(map(store.missing_count, meta["hosts"]))
    if missing:
        raise UsageError(
            f"{meta['run_id']}: {missing:,} trials are still to be run; 'inv resume {meta['run_id']}' does that"
        )
    known = list(store.segment_facts().items())
    for (host, segment), facts in known[1:]:
        before = next(each for (name, _), each in known if name == host)
        for name in _OF_SEGMENTS:
            if facts[name] != before[name]:
                raise UsageError(
                    f"{meta['run_id']}: {host}: {name} changed within the run, from {before[name]} to {facts[name]}"
                    f" with the agent's start {segment}; it is no run of one condition"
                )


def _check_alike(base: Store, other: Store) -> None:
    """Refuse a run that is of other work or another machine, or was measured under other conditions."""
    ours, theirs = base.meta(), other.meta()
    pair = f"{ours['run_id']} and {theirs['run_id']} cannot be put together"
    for name in ("experiment", "hosts"):
        a, b = (
            meta["experiment"]["name"] if name == "experiment" else sorted(meta["hosts"]) for meta in (ours, theirs)
        )
        if a != b:
            raise UsageError(f"{pair}: {name}: {_shown(a)} and {_shown(b)}; 'inv compare' puts them side by side")
    levels = [{levels_key(levels_of(case)) for case in store.cases()} for store in (base, other)]
    if levels[0] != levels[1]:
        raise UsageError(f"{pair}: cases: {len(levels[0] ^ levels[1]):,} are in one of them only")
    environments = base.environments(), other.environments()
    for host in ours["hosts"]:
        a, b = (environment.get(host, {}).get("hostname") for environment in environments)
        if a != b:
            raise UsageError(f"{pair}: {host}: is {a} and {b}; 'inv compare' puts two machines side by side")
    found = [("", each) for each in run_differences(ours, theirs)] + [
        (f"{host}: ", each)
        for host in ours["hosts"]
        for each in differences(*(environment.get(host, {}) for environment in environments))
    ]
    for where, each in found:
        condition = find(each.key)
        if each.matters and not (condition and condition.step):
            raise UsageError(f"{pair}: {where}{each.name}: {each.a} and {each.b}; {each.why}")


def _shown(value: Any) -> str:  # noqa: ANN401 - a name, or several
    return ", ".join(value) if isinstance(value, list) else str(value)


def _provenance(metas: Sequence[dict[str, Any]], run_ids: list[str]) -> dict[str, Any]:
    """Return what is known of the merged run: what all of its runs share, and which these are."""
    first, *others = [meta["provenance"] for meta in metas]
    shared = {name: value for name, value in first.items() if all(each.get(name) == value for each in others)}
    tags = [set((meta["provenance"].get("tags") or {}).items()) for meta in metas]
    common = dict(sorted(set.intersection(*tags)))
    return {**shared, **({"tags": common} if common else {}), "merged": run_ids}
