"""What a command prints of runs: what one found, and what did not end ok; what was exported, merged, published."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any

from pageswap.agent.journal.job import OK
from pageswap.campaign.outcome import NoHostError
from pageswap.campaign.progress import shown
from pageswap.campaign.run_folders import open_run
from pageswap.campaign.unmeasured import TrialGroup, grouped
from pageswap.console import host_views
from pageswap.console.exits import tell
from pageswap.console.output import print_json, say, say_rest, show_table
from pageswap.errors import StoreError, UsageError
from pageswap.spec.hostnames import LOCAL
from pageswap.spec.quoting import printable
from pageswap.text.words import clipped, first_few, operation, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from pageswap.analysis.explanations.profiles import Profile
    from pageswap.analysis.summary import Summary
    from pageswap.answers.record import Answer
    from pageswap.campaign.merging import Merged
    from pageswap.campaign.outcome import Outcome
    from pageswap.publish.publishing import Published
    from pageswap.store.store import Store

CASES_SHOWN = 60
_HOSTS_NAMED = 8
_RUNS_NAMED = 5
_LONGEST_HOST = 80
_GROUPS_SHOWN = 40


def ended_otherwise(store: Store) -> list[TrialGroup]:
    """Return every trial that did not end ok, those that ended alike together."""
    rows = (dict(zip(store.columns(), row, strict=True)) for row in store.rows())
    ended = [(row["host"], row["trial_id"], row["status"], row["reason"] or "") for row in rows if row["status"] != OK]
    return grouped(ended, {case.pop("case_id"): case for case in store.cases()})


def measured(measure: Callable[..., Outcome], *, as_json: bool) -> int:
    """Show a campaign while it runs, then tell what it found, or each host's line where none could be used.

    Return the exit code.
    """
    try:
        with shown() as on_event:
            outcome = measure(on_event=on_event)
    except NoHostError as error:
        outcome = error.outcome
        if as_json:
            from pageswap.answers.build import no_answer

            print_json(
                _as_json(outcome)
                | {"answer": no_answer(outcome.asks).as_json(), "cases": [], "profiles": [], "troubles": []}
            )
        else:
            host_views.show_hosts(outcome.hosts)
        # Of several hosts each one's error was told when it happened, and stands in its line.
        tell(f"error: {str(error).splitlines()[0]}" if len(outcome.host_errors) > 1 else f"error: {error}")
        if not outcome.run_dir.exists():
            tell(f"nothing was measured: {outcome.run_dir} is removed")
        return outcome.exit_code
    return conclude(outcome, as_json=as_json)


def conclude(outcome: Outcome, *, as_json: bool) -> int:
    """Tell what a run found, for a person or as JSON, the report's place last; return the exit code."""
    with open_run(outcome.run_dir) as store:
        summary, answer, profiled = _found(store)
        groups, unprofiled = ended_otherwise(store), _unprofiled(store)
    if as_json:
        ended = [dataclasses.asdict(group) for group in groups]
        print_json(_as_json(outcome) | _figures(summary, answer, profiled) | {"troubles": ended})
    else:
        _show_conclusion(outcome, summary, answer, [group.text(summary.hosts) for group in groups])
        say_profiles(profiled)
        if unprofiled:
            say(f"still to profile: {plural(unprofiled, 'case')}; `inv resume --run {outcome.run_id}` does that")
        say(f"report: {outcome.report_path or 'none, as nothing was measured'}")
    return outcome.exit_code


def report(folder: Path, form: str) -> None:
    """Tell of a stored run: html writes its page anew, md and json print its summary and what `run --json` has."""
    with open_run(folder) as store:
        if form == "md":
            from pageswap.comparison.tables import summary_as_markdown

            print(summary_as_markdown(store))
        elif form == "json":
            summary, answer, profiled = _found(store)
            names = ("run_id", "experiment", "question", "statuses", "missing")
            print_json({name: getattr(summary, name) for name in names} | _figures(summary, answer, profiled))
        else:
            from pageswap.report.page.write import render
            from pageswap.store.schema import REPORT

            print(f"report: {render(store, folder / REPORT)}")


def export(folders: Sequence[Path], to: str, place: Path | None) -> None:
    """Write the trials of runs to one file, of one run into its folder unless a place is named, and say where it is.

    Of several runs one that cannot be read is left out, and that is told; raises StoreError where none can.
    """
    if place is None and len(folders) > 1:
        raise UsageError(f"--out is missing: it names the file for the trials of all {len(folders):,} runs")
    from pageswap.analysis import export as exporting  # only now: it is slow to import
    from pageswap.files import STANDARD_OUTPUT

    path = exporting.export(_readable(folders), to, place or folders[0])
    if str(path) not in STANDARD_OUTPUT:
        print(path)


def _readable(folders: Sequence[Path]) -> Iterator[Store]:
    """Open one run after the other."""
    problems = []
    for folder in folders:
        try:
            store = open_run(folder)
        except StoreError as error:
            if len(folders) == 1:
                raise
            tell(f"left out: {error}")
            problems.append(error)
            continue
        with store:
            yield store
    if len(problems) == len(folders):
        raise StoreError(f"none of {len(folders):,} runs can be read")


def tell_merged(merged: Merged, *, as_json: bool) -> None:
    """Tell which run was made of which."""
    if as_json:
        print_json({"run_id": merged.folder.name, "run_dir": str(merged.folder), "merged": merged.run_ids})
        return
    say(f"{merged.blocks:,} blocks of {len(merged.run_ids)} runs: {', '.join(merged.run_ids)}")
    say(f"run: {merged.folder}")
    say(f"`inv report {merged.folder.name}` writes its report")


def _found(store: Store) -> tuple[Summary, Answer, tuple[Profile, ...]]:
    from pageswap.analysis.explanations.profiles import profiles
    from pageswap.analysis.findings import findings
    from pageswap.analysis.summary import summarise
    from pageswap.answers.build import build_answer

    summary = summarise(store)
    return summary, build_answer(summary, findings(summary), store.environments()), profiles(store)


def _figures(summary: Summary, answer: Answer, profiled: Iterable[Profile]) -> dict[str, Any]:
    return {
        "answer": answer.as_json(),
        "cases": [dataclasses.asdict(case) for case in summary.cases],
        "profiles": [dataclasses.asdict(profile) for profile in profiled],
    }


def _as_json(outcome: Outcome) -> dict[str, Any]:
    """Return how a run stands, without what it found."""
    return {
        "run_id": outcome.run_id,
        "run_dir": str(outcome.run_dir) if outcome.run_dir.exists() else None,
        "report": str(outcome.report_path) if outcome.report_path else None,
        "exit_code": outcome.exit_code,
        "statuses": dict(outcome.statuses),
        "missing": outcome.missing,
        "hosts": [host.to_json() for host in outcome.hosts],
        "host_errors": {host: str(error) for host, error in outcome.host_errors.items()},
    }


def _show_conclusion(outcome: Outcome, summary: Summary, answer: Answer, ended: list[str]) -> None:
    from pageswap.answers.words import answer_lines

    say("\n".join(answer_lines(answer)) + "\n")
    show_cases(summary)
    print()
    for line in ended[:_GROUPS_SHOWN]:
        say(line)
    say_rest(len(ended), _GROUPS_SHOWN, "such groups of trials; the report has all")
    if len(outcome.hosts) > 1 or any(host.problem or host.host != LOCAL for host in outcome.hosts):
        print("\n" * bool(ended), end="")
        host_views.show_hosts(outcome.hosts)
        print()
    if outcome.missing:
        say(f"still to run: {outcome.missing:,}; `inv resume --run {outcome.run_id}` does that")


def _unprofiled(store: Store) -> int:
    """Count the cases of all hosts that are still to be profiled, where that was asked for."""
    meta = store.meta()
    return sum(len(store.unprofiled(host)) for host in meta["hosts"]) if meta["options"].get("profile") else 0


def say_profiles(profiled: Sequence[Profile]) -> None:
    """Print a line for the cases whose profiles have samples, and one for each reason why others have none."""
    counts = sorted(each.samples for each in profiled if each.is_told)
    if counts:
        samples = " to ".join(f"{count:,}" for count in dict.fromkeys(counts[:1] + counts[-1:]))
        say(f"profile: {plural(len(counts), 'case')} of {samples} samples; the report has their functions")
    for reason, cases in Counter(each.reason for each in profiled if not each.is_told).items():
        say(f"no profile of {plural(cases, 'case')}: {printable(reason)}")


def show_cases(summary: Summary) -> None:
    """Print a line for each case up to `CASES_SHOWN`, how many are left, and one line for all hosts that gave none."""
    from pageswap.comparison.tables import case_cells

    silent = set(summary.silent) if len(summary.silent) < len(summary.hosts) else set()
    cases = [case for case in summary.cases if case.host not in silent]
    place = ["host"] if len(summary.hosts) > 1 else []
    numbers = (f"ns per {operation(summary.workload)}", "ratio", "95 % interval", "n")
    rows = (case_cells(summary, case) for case in cases[:CASES_SHOWN])
    show_table((*place, *summary.varying, *numbers, ""), rows, frozenset(numbers))
    say_rest(len(cases), CASES_SHOWN, "cases; the report has all")
    if silent:
        hosts = [clipped(host, _LONGEST_HOST) for host in summary.hosts if host in silent]
        each = plural(len(summary.cases) // len(summary.hosts), "case")
        on_each = " on each" if len(hosts) > 1 else ""
        say(f"nothing came from {first_few(hosts, _HOSTS_NAMED, 'host')}: {each} not measured{on_each}")


def tell_published(published: Published, *, as_json: bool) -> None:
    """Tell what became of the runs, those that were left out with their reasons, and last where the site is."""
    if as_json:
        print_json(dataclasses.asdict(published))
        return
    for run_id, reason in published.left_out.items():
        say(f"left out: {run_id}: {reason}")
    for word in ("added", "updated", "removed"):
        names: tuple[str, ...] = getattr(published, word)
        if names:
            say(f"{word}: {first_few(names, _RUNS_NAMED)}")
    sent = f"{published.sent_bytes / 1e6:.1f} MB sent" if published.sent_bytes else "nothing to send"
    say(f"{len(published.unchanged)} unchanged, {sent}")
    if not published.is_atomic:
        say("this file system cannot exchange two folders: for an instant there was no site")
    say(f"site: {published.where}")
