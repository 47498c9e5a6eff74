"""The commands as they are typed: their help, what they print where, their exit codes, and what they import."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

import tasks
from pageswap.agent.host.host_files import HostFiles
from pageswap.agent.trial.perf import problem
from pageswap.campaign import ask_hosts
from pageswap.console.commands import commands_of
from pageswap.console.exits import ended
from pageswap.fleet.target import Target
from pageswap.store.store import Store
from tests.requirement import require
from tests.stored_run import RUN_ID, store_run

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = commands_of(tasks)
START = (sys.executable, "-P", str(ROOT / "pageswap/console/start.py"))


def inv(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command as ./inv does."""
    return subprocess.run([*START, *arguments], cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_has_help(name: str) -> None:
    """Each command has a summary of one line, and a text for each of its arguments."""
    command = COMMANDS[name]

    assert (command.__doc__ or "").splitlines()[0].endswith(".")
    names = {str(argument.name).rstrip("_").replace("-", "_") for argument in command.get_arguments()}
    assert names == {name for name in names if command.texts.get(name)}


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
    command = [sys.executable, "-X", "importtime", *START[1:], *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    assert imported.isdisjoint({"pandas", "numpy", "scipy", "altair", "vl_convert", "fabric", "pyarrow"})


def test_plan_lists_cases_trials_memory_and_time() -> None:
    """The plan of the smoke experiment names its cases and says what they cost."""
    done = inv("plan", "--spec", "smoke.yaml")

    assert (0, "") == (done.returncode, done.stderr)
    assert "mremap_fixed" in done.stdout
    assert "5 cases in 1 warm-up and 7 measured blocks: 47 trials, about " in done.stdout


def test_plan_as_json_is_one_document() -> None:
    """With --json stdout is a JSON document and nothing else; --set, --filter and --repeats are in it."""
    changes = ("--set", "page_size=4KiB,8KiB", "--filter", "method=memcpy", "--filter", "page_size=8KiB")
    done = inv("plan", "--spec", "smoke", *changes, "--repeats", "2", "--json")
    document = json.loads(done.stdout)

    assert [("memcpy", 8192)] == [(case["method"], case["page_size"]) for case in document["cases"]]
    trials = [trial["trial_id"] for trial in document["trials"]]
    assert sorted(trials) == ["b00.c0000", "b00.c0000.aa", "b01.c0000", "b01.c0000.aa", "w0.c0000"]


def test_paths_are_of_the_folder_where_it_is_typed(tmp_path: Path) -> None:
    """A relative --spec means the caller's folder, wherever that is."""
    (tmp_path / "mine.yaml").write_text((ROOT / "experiments/smoke.yaml").read_text())

    assert inv("check", "--spec", "mine.yaml", cwd=tmp_path).returncode == 0
    assert inv("check", "--spec", "../mine.yaml", cwd=ROOT).returncode == 1


def test_unknown_argument_is_code_1() -> None:
    """As what a command refuses."""
    assert inv("plan", "--bogus").returncode == 1
    assert inv("nothing").returncode == 1


def test_closed_pipe_is_quiet() -> None:
    """`inv plan | head` prints no complaint."""
    read, write = os.pipe()
    os.close(read)
    command = [*START, "plan", "--spec", "smoke", "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)

    assert (0, "") == (done.returncode, done.stderr)


def test_a_command_whose_complaints_nobody_hears_does_its_work() -> None:
    """Standard error that cannot be written changes neither what is on standard output nor the exit code."""
    read, write = os.pipe()
    os.close(read)
    command = [*START, "plan", "--spec", "smoke", "--repeats", "many"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=write, text=True, check=False)
    os.close(write)

    assert (1, "") == (done.returncode, done.stdout)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the commands called in this process keep their runs in a folder of the test's own."""
    monkeypatch.setattr(tasks, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    """Write an experiment with one case that can be measured and one that fits into no machine."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return str(path)


TINY = """
name: tiny
question: Does the command line work?
method: memcpy
page_size: 4KiB
region_size: [64KiB, 8TiB]
iterations: 10
backing: private_anon
baseline: {method: memcpy}
repeats: 2
"""


def call(name: str, **arguments: object) -> int:
    """Call a command in this process; return its exit code."""
    return ended(lambda: COMMANDS[name].body(Context(), **arguments), ROOT / "build" / "error.log")


def test_run_ends_with_where_the_report_lies(results: Path, tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The answer, a line a case, what was not measured with its reason, and last the report's absolute path."""
    assert call("run", spec=tiny, wait=True) == 0

    said = capsys.readouterr()
    lines = said.out.splitlines()
    report = Path(lines[-1].removeprefix("report: "))
    assert report.is_absolute()
    assert report.read_text().startswith("<!")
    assert report.is_relative_to(results / "tiny")
    assert [line for line in lines if line.startswith("skipped: region_size 8TiB (5 trials): ")]
    assert "10 of 10 trials" in said.err


def test_run_as_json_is_one_document(results: Path, tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json stdout has the whole outcome as JSON; --strict makes a skipped trial exit 2."""
    assert call("run", spec=tiny, wait=True, strict=True, json=True) == 2

    document = json.loads(capsys.readouterr().out)
    assert (2, {"ok": 5, "skipped": 5}) == (document["exit_code"], document["statuses"])
    assert Path(document["report"]).is_relative_to(results)
    ids = document["troubles"][0]["trial_ids"]
    assert sorted(ids) == ["b00.c0001", "b00.c0001.aa", "b01.c0001", "b01.c0001.aa", "w0.c0001"]


def profiled_run(spec: str, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    """Run an experiment's only case that fits, with a profile, and return what is told of that and the page."""
    change = ["region_size=1MiB", "iterations=20000"]
    assert call("run", spec=spec, wait=True, json=True, profile="perf", set_=change) == 0
    document = json.loads(capsys.readouterr().out)
    (profile,) = document["profiles"]
    page = Path(document["report"]).read_text(encoding="utf-8")

    assert document["statuses"] == {"ok": 5}
    assert 'id="profile"' in page
    with Store.open(Path(document["run_dir"]) / "run.sqlite") as store:
        assert len(list(store.rows())) == 5
    return profile, page


@pytest.mark.usefixtures("results")
def test_a_profile_is_beside_the_run(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is counted nowhere; the functions that it found are in the answer and on the page."""
    require("perf", shutil.which("perf") and not problem(HostFiles()), f"needs perf: {problem(HostFiles())}")
    profile, page = profiled_run(tiny, capsys)

    assert profile["status"] == "ok"
    assert profile["samples"] >= sum(each["samples"] for each in profile["functions"]) > 0
    assert profile["functions"][0]["name"] in page


@pytest.mark.usefixtures("results")
def test_a_host_without_perf_is_measured_and_says_so(
    tiny: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is good, and so is its exit code; the reason and its cure are in the answer and on the page."""
    monkeypatch.setenv("PATH", str(tmp_path))
    profile, page = profiled_run(tiny, capsys)

    reason = "there is no program perf in PATH; install"
    assert (profile["status"], profile["samples"]) == ("unavailable", 0)
    assert profile["reason"].startswith(reason)
    assert f"No profile of 1 case: {reason}" in page


def test_what_profiles_is_one_of_few(results: Path, tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Any other word is refused before anything is measured."""
    assert call("run", spec=tiny, profile="gprof") == 1
    assert capsys.readouterr().err == "error: --profile: expected perf, found 'gprof'\n"
    assert not results.exists()


def test_what_a_run_left_can_be_resumed_reported_and_exported(
    results: Path, tiny: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A finished run has nothing to resume; its report and its rows are made from the store alone."""
    call("run", spec=tiny, wait=True)
    run_dir = next(results.glob("tiny/*"))
    (run_dir / "report.html").unlink()

    assert call("resume", run="latest", wait=True) == 0
    assert call("report", run=run_dir.name) == 0
    assert call("export", run=[str(run_dir)], to="json", out=str(results)) == 0

    assert f"report: {run_dir / 'report.html'}" in capsys.readouterr().out
    assert (run_dir / "report.html").exists()
    assert len(json.loads((results / "trials.json").read_text())) == 10


def test_dry_run_measures_nothing(results: Path, tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--dry shows the plan."""
    assert call("run", spec=tiny, dry=True) == 0
    assert "2 cases in 1 warm-up and 2 measured blocks: 10 trials" in capsys.readouterr().out
    assert call("run", spec=tiny, hosts="lab1,local", dry=True) == 3
    told = capsys.readouterr().out
    assert "\nnot asked: lab1" in told
    assert told.endswith("\non local\n")
    assert call("run", spec=tiny, hosts="lab1", dry=True, json=True) == 3
    assert json.loads(capsys.readouterr().out)["hosts"] == ["lab1"]
    assert not results.exists()


@pytest.mark.parametrize(("dry", "is_bounded"), [(True, False), (False, True)])
def test_asking_keeps_to_at_once_and_is_waited_for_only_by_a_plan(
    tiny: str, monkeypatch: pytest.MonkeyPatch, *, dry: bool, is_bounded: bool
) -> None:
    """And whatever ends it, the hosts are let go of."""
    given: dict[str, object] = {}
    closed: list[str] = []

    def ask(*_: object, **how: object) -> None:
        given.update(how)
        raise KeyboardInterrupt

    monkeypatch.setattr(ask_hosts, "ask_each", ask)
    monkeypatch.setattr(Target, "close", lambda target: closed.append(target.name))

    assert call("run", spec=tiny, hosts="lab1,lab2", at_once="3", dry=dry) == 130
    assert (given["at_once"], given["keep"], given.get("wait_s") is not None) == (3, True, is_bounded)
    assert sorted(closed) == ["lab1", "lab2"]


def test_methods_and_doctor_tell_as_json() -> None:
    """Both give one document by host; the doctor's findings have a status, what was found, and a cure or none."""
    methods = json.loads(inv("methods", "--json").stdout)
    doctor = json.loads(inv("doctor", "--json").stdout)

    assert {"memcpy", "mremap_fixed"} <= {method["name"] for method in methods["local"]}
    assert {"ok"} <= {check["status"] for check in doctor["local"]["checks"]} <= {"ok", "warn", "bad"}
    assert all(check["cure"] for check in doctor["local"]["checks"] if check["status"] != "ok")


def test_the_mover_says_when_a_host_has_no_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the place, and the command that makes one."""
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path))
    done = inv("mover")

    assert (0, "") == (done.returncode, done.stderr)
    assert f"{tmp_path}/mover.profile" in done.stdout
    assert "mover --calibrate" in done.stdout
    assert json.loads(inv("mover", "--json").stdout)["profile"] is None


@pytest.mark.slow
def test_the_mover_makes_a_profile_and_installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both with one command; the profile stays for the next one."""
    monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path))
    told = json.loads(inv("mover", "--calibrate", "--install", str(tmp_path / "usr"), "--json").stdout)

    assert all(Path(path).exists() for path in told["installed"])
    assert told["profile"]["exchange_memory"] > 0
    assert json.loads(inv("mover", "--json").stdout)["profile"] == told["profile"]


def test_methods_and_doctor_tell_a_person() -> None:
    """The tables name every method, and every check of the machine."""
    assert "mremap_fixed" in inv("methods").stdout
    assert "mappings" in inv("doctor").stdout


def test_compare_passes_trips_and_refuses_to_decide(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same code passes with 0, a slowed method trips with 5, unlike machines say what differs and end with 1."""
    store_run(results, 1)
    store_run(results, 2)
    store_run(results, 3, speeds={"copy_words": 1_100.0})
    store_run(results, 4, environment={"cpu_model": "Another"})
    store_run(results, 5, speeds={"copy_words": 1_100.0})
    ids = [RUN_ID.format(number) for number in range(6)]

    assert call("compare", base=ids[1], new=ids[2], fail_above="5%") == 0
    assert "Gate passed: no case of 3" in capsys.readouterr().out
    assert call("compare", base=f"{ids[1]},{ids[2]}", new=f"{ids[3]},{ids[5]}", fail_above="5%") == 5
    assert "Of 3 cases: 1 slower: copy_words +" in capsys.readouterr().out
    assert call("compare", base=ids[1], new=ids[3], fail_above="5%") == 1
    assert "take two runs a side (--runs 2)" in capsys.readouterr().err
    assert call("compare", base=ids[1], new=ids[3]) == 0
    assert call("compare", base=ids[1], new=ids[4], fail_above="5%") == 1
    said = capsys.readouterr()
    assert "CPU" in said.out
    assert "error: --fail-above: nothing is decided, as the comparison does not stand" in said.err


def test_compare_and_report_write_json_and_markdown(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each on stdout and nothing else there; JSON is one document and keeps the gate's exit code."""
    store_run(results, 1)
    store_run(results, 3, speeds={"copy_words": 1_100.0})
    ids = {"base": RUN_ID.format(1), "new": f"{RUN_ID.format(3)}:local"}

    assert call("compare", **ids, fail_above="5%", json=True) == 1
    document = json.loads(capsys.readouterr().out)
    assert (None, 1) == (document["gate"]["passed"], document["gate"]["tripped"])
    assert call("compare", **ids, format="md") == 0
    assert capsys.readouterr().out.startswith("### 20260102T030405Z-000003:local against ")
    assert call("report", run=RUN_ID.format(1), format="md") == 0
    assert capsys.readouterr().out.startswith("### Is remapping a page faster than copying it?")
    assert call("report", run=RUN_ID.format(1), format="json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["run_id"], document["answer"]["verdict"]) == (RUN_ID.format(1), "no")
    assert len(document["cases"]) == 3


def test_hosts_of_an_experiment_are_looked_up_too(tiny: str) -> None:
    """An unknown group is an error with the experiment's line; --hosts has the last word."""
    path = Path(tiny)
    path.write_text(TINY + "hosts: '@rack'\n")
    refused = inv("run", "--spec", tiny, "--dry", cwd=path.parent)

    assert (1, "") == (refused.returncode, refused.stdout)
    assert refused.stderr.startswith("error: tiny.yaml:11: hosts: '@rack': groups are in an inventory")
    assert inv("run", "--spec", tiny, "--dry", "--hosts", "local", cwd=path.parent).returncode == 0
    for name in ("check", "plan"):
        done = inv(name, "--spec", tiny, cwd=path.parent)
        assert (1, refused.stderr) == (done.returncode, done.stderr)
        (path.parent / "h.yaml").write_text("hosts: {lab1: }\ngroups: {rack: lab1}\n")
        # A plan's hosts are asked, and this one is nowhere.
        found = inv(name, "--spec", tiny, "--inventory", "h.yaml", cwd=path.parent).returncode
        assert found == {"check": 0, "plan": 3}[name]


def test_hosts_lists_the_inventory_of_the_folder(tmp_path: Path) -> None:
    """hosts.yaml where it is typed, or the file that --inventory names."""
    (tmp_path / "hosts.yaml").write_text("hosts: {lab1: {cpu: 3}, lab2: }\ngroups: {rack: [lab1, lab2]}\n")
    there, elsewhere = inv("hosts", "--json", cwd=tmp_path), inv("hosts", "--inventory", str(tmp_path / "hosts.yaml"))

    assert ["lab1", "lab2"] == [host["name"] for host in json.loads(there.stdout)["hosts"]]
    assert "@rack" in elsewhere.stdout
    assert "hosts.example.yaml" in inv("hosts").stdout


def test_hosts_clean_is_one_command() -> None:
    """Two words, one document: what was removed on each host, here this one."""
    done = inv("hosts", "clean", "--hosts", "local", "--json")

    assert (0, "") == (done.returncode, done.stderr)
    assert {"removed", "bytes", "kept"} <= json.loads(done.stdout)["local"].keys()


def test_a_host_that_cannot_be_reached_leaves_the_others_their_answers(tmp_path: Path) -> None:
    """Exit code 3, its error on stderr and in the document, the rest as ever."""
    config = tmp_path / "ssh_config"
    config.write_text("Host nowhere\n    HostName nowhere.invalid\n")
    done = inv("doctor", "--hosts", "local,nowhere", "--ssh-config", str(config), "--json")
    document = json.loads(done.stdout)

    assert done.returncode == 3
    assert done.stderr.startswith("error: nowhere ")
    assert document["nowhere"]["error"] == done.stderr.removeprefix("error: ").strip()
    assert {"clock", "load"} <= {check["check"] for check in document["local"]["checks"]}


def test_a_run_completes_on_the_hosts_that_can_be_reached(
    results: Path, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line a host at the end, exit code 3, and a resume of the one that can be reached ends well."""
    config = tmp_path / "ssh_config"
    config.write_text("Host nowhere\n    HostName nowhere.invalid\n")
    assert call("run", spec=tiny, hosts="local,nowhere", ssh_config=str(config), wait=True, json=True) == 3

    document = json.loads(capsys.readouterr().out)
    local, nowhere = document["hosts"]
    assert ("local", 0, "") == (local["host"], local["missing"], local["problem"])
    assert local["ledger"]["running"] > 0
    assert ("nowhere", 0, document["missing"]) == (nowhere["host"], nowhere["rows"], nowhere["missing"])
    assert "no such host name" in nowhere["problem"]
    assert call("resume", run="latest", hosts="local") == 0
    assert "no such host name" in capsys.readouterr().out
    assert call("resume", run="latest", hosts="elsewhere") == 1
    assert "'elsewhere' is not one of this run's hosts" in capsys.readouterr().err
    assert results.exists()


def test_a_run_that_no_host_gives_anything_says_so_host_by_host(
    results: Path, tiny: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line a host or the same document as ever, each error once as it happens, and what became of the folder."""
    config = tmp_path / "ssh_config"
    config.write_text("Host nowhere none\n    HostName nowhere.invalid\n")
    words = {"spec": tiny, "ssh_config": str(config)}
    assert call("run", hosts="nowhere,none", **words) == 3

    said = capsys.readouterr()
    assert ["nowhere", "none"] == [line.split()[0] for line in said.out.splitlines()[1:] if line[:1] == "n"]
    assert 1 == said.err.count("error: nowhere (")
    assert "error: none of the 2 hosts could be used\nnothing was measured: " in said.err
    assert said.err.endswith(" is removed\n")
    assert call("run", hosts="nowhere", json=True, **words) == 3
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert (3, None, None, 10) == tuple(document[name] for name in ("exit_code", "run_dir", "report", "missing"))
    assert ("faster", "nothing_measured") == (document["answer"]["asks"], document["answer"]["verdict"])
    assert "no such host name" in document["hosts"][0]["problem"]
    assert "nowhere (nowhere.invalid:22): " in document["host_errors"]["nowhere"]
    assert 1 == said.err.count("error: nowhere (")
    assert not list(results.glob("*/*"))


def test_publish_puts_runs_on_a_site(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All runs at first, nothing the second time; the last line says where the site is."""
    store_run(results, 1)
    store_run(results, 2)
    site = tmp_path / "site"

    assert call("publish", run=["all"], to=str(site)) == 0
    assert f"site: {site}" == capsys.readouterr().out.splitlines()[-1]
    assert len(json.loads((site / "index.json").read_text())["runs"]) == 2
    assert call("publish", run=["demo/*", "latest"], to=f"local:{site}", json=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert (0, 2) == (document["sent_bytes"], len(document["unchanged"]))
