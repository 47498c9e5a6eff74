"""The commands as they are typed: their help, what they print where, their exit codes, and what they import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from invoke.tasks import Task

import tasks

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = {made.name: made for made in vars(tasks).values() if isinstance(made, Task)}
INVOKE = (sys.executable, "-P", "-m", "invoke", "--search-root", str(ROOT))


def inv(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command as ./inv does."""
    return subprocess.run([*INVOKE, *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_has_help(name: str) -> None:
    """Each command has a summary of one line, and a text for each of its arguments."""
    command = COMMANDS[name]

    assert (command.__doc__ or "").splitlines()[0].endswith(".")
    assert [] == [argument.name for argument in command.get_arguments() if not argument.help]


def test_no_command_lists_all_of_them() -> None:
    """`inv` alone ends well and names every command once, in groups."""
    listed = [name for names in tasks.GROUPS.values() for name in names]
    done = inv()

    assert sorted(listed) == sorted(COMMANDS.keys() - {"tasks"})
    assert (0, "") == (done.returncode, done.stderr)
    assert [] == [name for name in listed if f"\n  {name} " not in done.stdout]


@pytest.mark.parametrize("arguments", [("--list",), ("check", "--spec", "smoke"), ("plan", "--spec", "smoke")])
def test_short_commands_import_nothing_slow(arguments: tuple[str, ...]) -> None:
    """Listing, checking and planning draw in neither pandas nor the chart library."""
    command = [sys.executable, "-X", "importtime", *INVOKE[1:], *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    assert imported.isdisjoint({"pandas", "numpy", "scipy", "altair", "vl_convert", "fabric", "pyarrow"})


def test_plan_lists_cases_trials_memory_and_time() -> None:
    """The plan of the smoke experiment names its cases and says what they cost."""
    done = inv("plan", "--spec", "smoke.yaml")

    assert (0, "") == (done.returncode, done.stderr)
    assert "mremap_fixed" in done.stdout
    assert "5 cases in 1 warm-up and 5 measured blocks: 30 trials, about " in done.stdout


def test_plan_as_json_is_one_document() -> None:
    """With --json stdout is a JSON document and nothing else; --set, --filter and --repeats are in it."""
    changes = ("--set", "page_size=4KiB,8KiB", "--filter", "method=memcpy", "--filter", "page_size=8KiB")
    done = inv("plan", "--spec", "smoke", *changes, "--repeats", "2", "--json")
    document = json.loads(done.stdout)

    assert [("memcpy", 8192)] == [(case["method"], case["page_size"]) for case in document["cases"]]
    assert ["w0.c0000", "b00.c0000", "b01.c0000"] == [trial["trial_id"] for trial in document["trials"]]


def test_paths_are_of_the_folder_where_it_is_typed(tmp_path: Path) -> None:
    """A relative --spec means the caller's folder, from wherever invoke runs."""
    (tmp_path / "mine.yaml").write_text((ROOT / "experiments/smoke.yaml").read_text())

    assert inv("check", "--spec", "mine.yaml", cwd=tmp_path).returncode == 0
    assert inv("check", "--spec", "../mine.yaml", cwd=ROOT).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check",), "--spec is missing: give a path, or one of experiments/: mremap_vs_copy.yaml"),
        (("check", "--spec", "nothing.yaml"), "--spec nothing.yaml: no such file, here or in experiments/"),
        (("check", "--spec", "../../../../etc/hostname"), "leads out of this folder"),
        (("check", "--spec", "experiments"), "experiments"),
        (("plan", "--spec", "smoke", "--repeats", "-1"), "--repeats: '-1' is negative"),
        (("plan", "--spec", "smoke", "--repeats", "many"), "--repeats: expected a whole number, found 'many'"),
        (("plan", "--spec", "smoke", "--set", "method"), "--set"),
        (("plan", "--spec", "smoke", "--filter", "method=mremap"), "--filter"),
        (("build", "--hosts", "a,@group"), "--hosts a,@group: only this machine can be measured so far"),
        (("report", "--run", "nothing"), "--run nothing: no such run"),
        (("resume",), "--run is missing"),
        (("export", "--run", "../.."), "leads out of"),
    ],
)
def test_wrong_usage_is_one_clear_line(arguments: tuple[str, ...], words: str) -> None:
    """What cannot be meant ends with code 1 and one error on stderr, and nothing on stdout."""
    done = inv(*arguments)

    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_unknown_argument_is_code_1() -> None:
    """What invoke itself refuses has the code of wrong usage, too."""
    assert inv("plan", "--bogus").returncode == 1
    assert inv("nothing").returncode == 1


def test_closed_pipe_is_quiet() -> None:
    """`inv plan | head` prints no complaint."""
    read, write = os.pipe()
    os.close(read)
    command = [*INVOKE, "plan", "--spec", "smoke", "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)

    assert (0, "") == (done.returncode, done.stderr)
