"""The documentation names what there is, and what it tells to type is understood: commands, files, links."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

import tasks
from pageswap import native
from pageswap.analysis.trials.table import EXPORT_COLUMNS, IDENTITY_COLUMNS
from pageswap.console.commands import commands_of
from pageswap.console.start import as_meant, call
from pageswap.plan import plan as planning
from pageswap.spec.factors import FACTORS, core_vocabulary
from pageswap.spec.loader import load, loads
from pageswap.spec.overrides import override
from pageswap.spec.source import resolve_spec_path
from pageswap.store.facts import FACTS
from pageswap.store.schema import OUTCOME_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pageswap.spec.experiment import Experiment

ROOT = Path(__file__).resolve().parents[1]
METHODS = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
CONCEPTS = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
PAGES = {page.name: page.read_text(encoding="utf-8") for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])}
COMMANDS = commands_of(tasks)

# What these pages measure with is added by them first; tests/test_changing.py types it.
ADDS_FIRST = {"adding-a-method.md", "changing.md"}

COMMAND = re.compile(r'\./inv((?:"[^"]*"|(?!\|\||>>|[|;]\s).)*)')


def blocks(page: str, *languages: str) -> list[str]:
    """Return the code blocks of a page in these languages."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [text for language, text in found if language in languages]


def commands(page: str) -> Iterator[list[str]]:
    """Yield the words of each ./inv command that a page tells to type, in its blocks or between its lines.

    It goes to the end of its line or to what the shell does next, but for what is in quotes. What may be left out,
    `[--hosts a]`, is typed too, and `...` stands for any value.
    """
    for text in [*blocks(page, "sh", "yaml"), *re.findall(r"`(\./inv[^`]*)`", page)]:
        for command in COMMAND.findall(text):
            words = shlex.split(command.replace("[", " ").replace("]", " "), comments=True)
            yield ["latest" if word == "..." else word for word in words]


def experiment(typed: str, page: str) -> Experiment:
    """Return the experiment that a command names: one of experiments/, or one that its page has written before."""
    for text in blocks(page, "yaml"):
        if text.startswith(f"name: {typed.removesuffix('.yaml')}\n"):
            return loads(text, typed)
    return load(resolve_spec_path(typed, ROOT / "experiments"))


@pytest.mark.parametrize("name", PAGES)
def test_every_command_is_understood(name: str) -> None:
    """Each argument is there, each experiment is found, each level that is set or picked is one of its own."""
    for words in commands(PAGES[name]):
        if words[:1] == ["--print-completion-script"]:  # no command's; test_completion.py types it
            continue
        _, given = call(as_meant(words) or ["tasks"], COMMANDS)
        if given is None or not given.get("spec") or "$" in given["spec"] or name in ADDS_FIRST:
            continue
        changes = {each: given.get(each, []) for each in ("set_", "filter_")}
        repeats = given.get("repeats")
        chosen = experiment(given["spec"], PAGES[name])
        blocks_ = int(repeats) if repeats else None
        assert planning.make(override(chosen, **changes, repeats=blocks_, until=given.get("until"))).trials


@pytest.mark.parametrize("name", sorted(PAGES.keys() - ADDS_FIRST))
def test_every_experiment_in_a_page_loads(name: str) -> None:
    """Who copies it has a file without a mistake."""
    for text in blocks(PAGES[name], "yaml"):
        content = yaml.safe_load(text)
        if {"name", "method"} <= content.keys():
            assert loads(text, name).name == content["name"]


def test_the_readme_leads_to_every_page() -> None:
    """A page that nothing links to from the first one is not found."""
    reached, todo = set[str](), ["README.md"]
    while todo:
        page = todo.pop()
        if page not in reached:
            reached.add(page)
            todo += [Path(target).name for target in re.findall(r"\]\(([^)#:]+\.md)[^)]*\)", PAGES[page])]

    assert reached == PAGES.keys()


def _named(name: str) -> bool:
    # A kin of methods is written as `exchange_nt_avx2`, `_nt_avx512`.
    parts = name.split("_", 1)
    return f"`{name}`" in METHODS or (len(parts) > 1 and f"`_{parts[1]}`" in METHODS)


@pytest.mark.parametrize("method", core_vocabulary().methods)
def test_every_method_is_documented(method: str) -> None:
    """A method nobody can read about is not done."""
    assert _named(method)


@pytest.mark.parametrize("word", [*native.WORKLOADS, *native.BACKINGS])
def test_every_workload_and_backing_is_explained(word: str) -> None:
    """The words have one meaning each, and it is written down."""
    assert f"`{word}`" in CONCEPTS


def test_every_link_between_pages_leads_somewhere() -> None:
    """A moved page must take its links along."""
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_counter_and_column_is_explained_once() -> None:
    """A number nobody can read about is no evidence, and one that is no more is looked for in vain."""
    page = (ROOT / "docs" / "columns.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE)
    columns = {*EXPORT_COLUMNS, *IDENTITY_COLUMNS, *native.COUNTERS, *OUTCOME_COLUMNS, *FACTS, *FACTORS, "trace_sha256"}

    assert sorted(name for row in rows for name in re.findall(r"`(\w+)`", row)) == sorted(columns)
