"""What people type out of habit, from here and from other tools: understood, or refused in one line that helps."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from pageswap.console import start
from pageswap.console.exits import ended
from tests.stored_run import store_run

if TYPE_CHECKING:
    from pathlib import Path

SMOKE = "smoke: Is remapping a page faster than copying it in a region that fits into the caches?"
OF_RUN = "'inv --help run' lists its arguments"
OF_PLAN = "'inv --help plan' lists its arguments"
ONE_WORD = "a value is one word, with commas between those of a list and quotes around blanks"
FIRST = "a command comes first, then its arguments; 'inv' lists them"

# Longer than any path that the kernel takes.
LONG = "./" + "x/" * 2_500 + "x"

# What is typed, the exit code, and a piece of the one line that says why, or of what is printed where all is well.
TYPED = [
    # The commands as the documentation does not write them.
    ("run smoke.yaml --dry", 0, SMOKE),
    ("run --dry experiments/smoke.yaml", 0, SMOKE),
    ("run smoke --spec smoke --dry --json --json", 0, '"cases"'),
    ("run smoke --set page_size=4KiB --set touch=moved --dry", 0, SMOKE),
    ("run smoke --until=0.01 --dry", 0, SMOKE),
    # Which experiment is meant.
    ("check", 1, "--spec is missing: give a path, or one of experiments/: "),
    ("check --spec nothing.yaml", 1, "--spec: there is no 'nothing.yaml' in "),
    ("check --spec ../../../../etc/hostname", 1, "climbs out of this folder"),
    ("check --spec experiments", 1, "experiments"),
    ("run smoke.yml --dry", 1, "did you mean 'smoke.yaml'?"),
    ("run mremap-vs-copy --dry", 1, "did you mean 'mremap_vs_copy.yaml'?"),
    ("run all", 1, "--spec: there is no 'all' in"),
    # Of which of its cases.
    ("run smoke --set page_size=4KiB --set page_size=8KiB", 1, "write --set page_size=level,level once"),
    ("check {long}", 1, "cannot be read: File name too long; check the path"),
    ("run smoke --set method memcpy", 1, f"unexpected 'memcpy' after --set 'method'; {ONE_WORD}"),
    ("plan smoke --set method", 1, "--set"),
    ("plan smoke --set method=memmove", 1, "unknown method 'memmove'; did you mean 'memcpy'?"),
    ("plan smoke --set repeats=20", 1, "write --repeats 20"),
    ("plan smoke --set threads=1..64", 1, "'1..64' is a range; write every level that is meant"),
    ("plan smoke --set page_size=4K", 1, "'4K' is not a size; write '4KiB'"),
    ("plan smoke --filter memcpy", 1, "'memcpy' has no '='; write factor=level,level"),
    ("plan smoke --filter method=mremap", 1, "--filter"),
    # How often.
    ("plan smoke --repeats -1", 1, "--repeats: '-1' is negative"),
    ("plan smoke --repeats many", 1, "--repeats: expected a whole number, found 'many'"),
    ("run smoke --until 1", 1, "--until: '1' is not a percentage; write such as 2% or 0.5%"),
    # On which hosts, and how they are reached.
    ("clean --hosts ''", 1, "--hosts: '' names no host"),
    ("build --hosts ' '", 1, "--hosts: ' ' names no host"),
    ("build --hosts a,@group", 1, "--hosts: '@group': groups are in an inventory: write hosts.yaml, or"),
    ("run smoke --hosts me@a", 1, "--hosts: 'me@a' is not an alias; user, port and address belong"),
    ("run smoke --hosts=-oProxyCommand=x", 1, "--hosts: '-oProxyCommand=x' is not a host"),
    ("run smoke --inventory none.yaml", 1, "none.yaml: there is no such file; --inventory takes"),
    ("run smoke --ssh-config none", 1, "--ssh-config: there is no file 'none'"),
    ("run smoke --ssh-config " + "x" * 300, 1, "--ssh-config: there is no file 'xxx"),
    ("run smoke --ssh-config {long}", 1, "--ssh-config: there is no file './x"),
    ("run smoke --inventory {long}", 1, "cannot be read: File name too long; check the path"),
    ("run smoke --at-once 0", 1, "--at-once: expected at least 1, found 0"),
    ("run smoke --patience 5", 1, "--patience: "),
    ("run smoke --lease 0s", 1, "--lease: expected at least 1.0s, found '0s'"),
    ("run smoke --core mine", 1, "--core: expected auto, controller or host, found 'mine'"),
    # Which run, and into what.
    ("resume", 1, "--run is missing"),
    ("report nothing", 1, "--run nothing: no such run"),
    ("report last", 1, "--run last: no such run in"),
    ("report {run} --format pdf", 1, "--format: expected html, md or json, found 'pdf'"),
    ("report " + "x" * 300, 1, "no such run in"),
    ("report ./" + "x" * 300, 1, "there is no run.sqlite: no such folder"),
    ("report {long}", 1, "there is no run.sqlite: no such folder"),
    ("compare latest {long}", 1, "--"),
    ("export --run ../none", 1, "there is no run.sqlite: no such folder"),
    ("export {run} --to xlsx", 1, "cannot export to 'xlsx'; --to takes csv, parquet, json, pyperf"),
    ("export {run} --out {run}/no/such/folder/f.csv", 1, "/no/such/folder'; make it, or name another place"),
    ("export {run} --out {run}/new/", 1, "/new'; make it, or name another place"),
    ("export {run} --out " + "x" * 300 + "/f.csv", 1, "error: --out: "),
    ("export {run} --out {long}", 1, "error: --out: "),
    ("export {run} --out ~no-such-user/f.csv", 1, "--out: Could not determine home directory"),
    ("export {run} csv", 1, "--run csv: no such run in"),
    ("export {run} {run}/run.sqlite --to xlsx --out x", 1, "cannot export to 'xlsx'"),
    ("export {run} --csv", 1, "unknown argument '--csv'; did you mean '--to'?"),
    ("compare --new latest", 1, "--base is missing"),
    ("compare {run}", 1, "--new is missing: give a run id, a path, `latest`, or commit:HASH"),
    ("compare --base commit:zz --new latest", 1, "expected commit:HASH"),
    ("compare {run} {run} --fail-above 5", 1, "expected a percentage such as 5%, found '5'; write '5%'"),
    ("compare x y --format xml", 1, "--format: expected text, md, html, junit or json, found 'xml'"),
    ("publish --to x", 1, "--run is missing: give a run id, a path, `latest`, `all` or a pattern"),
    ("publish all", 1, "--to is missing"),
    ("publish {run} --to {run}/no/such/folder/", 1, "/no/such'; make it, or name another place"),
    ("publish {run} --to {long}", 1, "error: --to: "),
    ("publish {run} --to ~no-such-user", 1, "--to: Could not determine home directory"),
    ("publish 'nothing*' --to x", 1, "--run nothing*: no run in"),
    # A word or a flag too many, or one that there is not.
    ("run smoke mremap_vs_copy", 1, "unexpected 'mremap_vs_copy' after 'smoke'; write: 'inv run SPEC [--options]'"),
    ("run --spec=smoke again", 1, "unexpected 'again' after 'smoke'"),
    ("run --spec a --spec b", 1, "--spec is given twice, 'a' and 'b'; it takes one value"),
    ("compare {run} {run} c", 1, "--new c: no such run in"),
    ("compare --base a --base b", 1, "--base is given twice, 'a' and 'b'; it takes one value"),
    ("methods memcpy", 1, "unexpected 'memcpy'; hosts are named by --hosts; 'inv --help methods' lists what"),
    ("doctor lab1", 1, "unexpected 'lab1'; hosts are named by --hosts; 'inv --help doctor' lists what doctor takes"),
    ("run smoke --hosts lab1 lab2", 1, f"unexpected 'lab2' after --hosts 'lab1'; {ONE_WORD}"),
    ("run smoke --set method=memcpy copy_words", 1, f"unexpected 'copy_words' after --set 'method=memcpy'; {ONE_WORD}"),
    ("doctor --hosts lab1 lab2", 1, f"unexpected 'lab2' after --hosts 'lab1'; {ONE_WORD}"),
    ("compare {run} {run} --fail-above 5 %", 1, f"unexpected '%' after --fail-above '5'; {ONE_WORD}"),
    ("lint lint", 1, "unexpected 'lint'; 'inv --help lint' lists what lint takes"),
    ("lint test tests/spec", 1, "unexpected 'test'; 'inv --help lint' lists what lint takes"),
    ("build build", 1, "unexpected 'build'; hosts are named by --hosts; 'inv --help build' lists what build takes"),
    ("clean hosts --help", 1, "unexpected 'hosts'; hosts are named by --hosts; 'inv --help clean' lists what clean"),
    ("hosts list", 1, "unexpected 'list'; 'inv --help hosts' lists what hosts takes"),
    ("doctor --json=1", 1, "--json takes no value, found '1'"),
    ("plan --spec", 1, "--spec needs a value; 'inv --help plan' says which"),
    ("run smoke --set", 1, "--set needs a value; 'inv --help run' says which"),
    ("run smoke --repeats", 1, "--repeats needs a value"),
    ("run smoke -- --dry", 1, "'--' has no meaning here; leave it out"),
    ("export {run} --json", 1, "unknown argument '--json'; 'inv --help export' lists its arguments"),
    ("run smoke --output x", 1, f"unknown argument '--output'; {OF_RUN}"),
    ("report {run} --json", 1, "unknown argument '--json'; did you mean '--format'?"),
    ("export {run} -o out.csv", 1, "unknown argument '-o'; did you mean '--out'?"),
    ("plan --spce x", 1, f"unknown argument '--spce'; did you mean '--spec'? {OF_PLAN}"),
    ("plan --bogus", 1, f"unknown argument '--bogus'; {OF_PLAN}"),
    ("run smoke --list", 1, f"unknown argument '--list'; {OF_RUN}"),
    ("run smoke --verbose", 1, f"unknown argument '--verbose'; {OF_RUN}"),
    ("run smoke --force", 1, f"unknown argument '--force'; {OF_RUN}"),
    ("run smoke --dry-run", 1, f"did you mean '--dry'? {OF_RUN}"),
    ("run smoke --repeat 5", 1, f"did you mean '--repeats'? {OF_RUN}"),
    ("run smoke --setup-only", 1, f"unknown argument '--setup-only'; {OF_RUN}"),
    ("run smoke --method memcpy", 1, "--method is a factor of the experiment; write --set method=LEVEL,LEVEL"),
    ("run smoke --page-size=4KiB", 1, "--page-size is a factor of the experiment; write --set page_size=LEVEL,LEVEL"),
    ("run smoke --seed 7", 1, "--seed is a key of the experiment's file; change it there"),
    ("--bogus", 1, f"unknown argument '--bogus'; {FIRST}"),
    ("--dry run smoke", 1, f"unknown argument '--dry'; {FIRST}"),
    ("-R run smoke", 1, f"unknown argument '-R'; {FIRST}"),
    ("--config x run smoke", 1, f"unknown argument '--config'; {FIRST}"),
    ("plna", 1, "unknown command 'plna'; did you mean 'plan'? 'inv' lists the commands"),
    ("zzz", 1, "unknown command 'zzz'; 'inv' lists the commands"),
    ("results", 1, "unknown command 'results'; 'inv' lists the commands"),
    ("repeats", 1, "unknown command 'repeats'; 'inv' lists the commands"),
    ("count", 1, "unknown command 'count'; 'inv' lists the commands"),
    ("json", 1, "unknown command 'json'; 'inv' lists the commands"),
    ("html {run}", 1, "unknown command 'html'; 'inv' lists the commands"),
    ("limit lab1", 1, "unknown command 'limit'; 'inv' lists the commands"),
    ("l", 1, "unknown command 'l'; 'inv' lists the commands"),
    ("ls", 1, "unknown command 'ls'; 'inv' lists the commands"),
    ("status", 1, "unknown command 'status'; 'inv' lists the commands"),
    ("benchmark", 1, "unknown command 'benchmark'; 'inv' lists the commands"),
    ("inventory", 1, "unknown command 'inventory'; did you mean 'hosts'?"),
    ("host", 1, "unknown command 'host'; did you mean 'hosts'?"),
    ("tests", 1, "unknown command 'tests'; did you mean 'test'?"),
    ("method", 1, "unknown command 'method'; did you mean 'methods'?"),
    # As in git, pip and make.
    ("help run", 0, "inv run SPEC [--options]"),
    ("run -h", 0, "inv run SPEC [--options]"),
    ("--help", 0, "pageswap: the fastest way to move pages of virtual memory, measured"),
    ("list", 0, "pageswap: the fastest way to move pages of virtual memory, measured"),
    ("version", 0, "pageswap "),
    ("-V", 0, "pageswap "),
    ("all", 1, "unknown command 'all'; 'inv' lists the commands"),
    ("init", 1, "unknown command 'init'; 'inv' lists the commands"),
    ("diff {run} {run}", 1, "unknown command 'diff'; did you mean 'compare'?"),
    ("install", 1, "unknown command 'install'; 'inv' lists the commands"),
    ("lint plan --bogus", 1, "unexpected 'plan'; 'inv --help lint' lists what lint takes"),
    # ansible-playbook.
    ("run smoke -i hosts.yaml", 1, f"unknown argument '-i'; did you mean '--inventory'? {OF_RUN}"),
    ("run smoke --limit lab1", 1, f"unknown argument '--limit'; did you mean '--hosts'? {OF_RUN}"),
    ("run -e method=memcpy smoke", 1, f"unknown argument '-e'; did you mean '--set'? {OF_RUN}"),
    ("run smoke --check", 1, f"did you mean '--dry'? {OF_RUN}"),
    ("run smoke -C", 1, f"unknown argument '-C'; did you mean '--dry'? {OF_RUN}"),
    ("run smoke --list-hosts", 1, f"unknown argument '--list-hosts'; did you mean '--dry'? {OF_RUN}"),
    ("run smoke --forks 10", 1, f"unknown argument '--forks'; did you mean '--at-once'? {OF_RUN}"),
    ("run smoke -K", 1, f"unknown argument '-K'; {OF_RUN}"),
    ("run smoke -i lab1,", 1, f"unknown argument '-i'; did you mean '--inventory'? {OF_RUN}"),
    ("run smoke --inventory lab1,", 1, "lab1,: there is no such file; --inventory takes a path"),
    ("run smoke --syntax-check", 1, f"unknown argument '--syntax-check'; {OF_RUN}"),
    # rebench and hyperfine.
    ("run -n 5 smoke", 1, f"unknown argument '-n'; did you mean '--repeats'? {OF_RUN}"),
    ("run smoke --runs 5", 1, f"unknown argument '--runs'; did you mean '--repeats'? {OF_RUN}"),
    ("run smoke -r 10", 1, f"unknown argument '-r'; did you mean '--repeats'? {OF_RUN}"),
    ("run smoke -N", 1, f"unknown argument '-N'; {OF_RUN}"),
    ("rebench smoke", 1, "unknown command 'rebench'; 'inv' lists the commands"),
    ("run smoke --invocations 10", 1, f"unknown argument '--invocations'; did you mean '--repeats'? {OF_RUN}"),
    ("run smoke --iterations 100", 1, "--iterations is a factor of the experiment; write --set iterations=LEVEL,LEVEL"),
    ("run smoke --warmups 3", 1, "--warmups is a key of the experiment's file; change it there"),
    ("run smoke -L method memcpy", 1, f"unknown argument '-L'; did you mean '--set'? {OF_RUN}"),
    ("run smoke e:memcpy", 1, "unexpected 'e:memcpy' after 'smoke'"),
    ("run smoke --export-json out.json", 1, f"did you mean '--json'? {OF_RUN}"),
    ("validate smoke", 1, "unknown command 'validate'; did you mean 'check'?"),
    # asv.
    ("continuous HEAD~1 HEAD", 1, "unknown command 'continuous'; did you mean 'compare'?"),
    ("compare HEAD~1 HEAD", 1, "--base HEAD~1: no such run in"),
    ("run HEAD^!", 1, "--spec: there is no 'HEAD^!' in"),
    ("run smoke --bench memcpy", 1, f"unknown argument '--bench'; did you mean '--filter'? {OF_RUN}"),
    ("run smoke --quick", 1, f"unknown argument '--quick'; {OF_RUN}"),
    ("compare {run} {run} -f 1.05", 1, "unknown argument '-f'; did you mean '--fail-above'?"),
    ("compare {run} {run} --fail-above 1.05", 1, "expected a percentage such as 5%, found '1.05'\n"),
    ("compare latest~1 latest", 1, "--base latest~1: no such run in"),
    ("compare {run} {run} --factor 1.05", 1, "unknown argument '--factor'; did you mean '--fail-above'?"),
    ("show {run}", 1, "unknown command 'show'; did you mean 'report'?"),
    # pytest.
    ("run smoke -k memcpy", 1, f"unknown argument '-k'; did you mean '--filter'? {OF_RUN}"),
    ("test -k", 1, "-k needs a value; 'inv --help test' says which"),
    ("-x tests/spec", 1, f"unknown argument '-x'; {FIRST}"),
    ("--lf", 1, f"unknown argument '--lf'; {FIRST}"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Store a run whose path can be typed."""
    return store_run(tmp_path_factory.mktemp("results"))


@pytest.mark.parametrize(("typed", "code", "piece"), TYPED, ids=[typed for typed, *_ in TYPED])
def test_a_habit_is_understood_or_told_what_to_type(
    typed: str,
    code: int,
    piece: str,
    run: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Code 0 and output, or code 1 and one line on stderr; never a traceback, nor another command than was meant."""
    words = shlex.split(typed.format(run=run, long=LONG))
    assert ended(lambda: start.run(words), run / "error.log") == code

    said = capsys.readouterr()
    assert piece in (said.err if code else said.out)
    assert (said.out, said.err.count("\n")) == ("", 1) if code else said.err == ""
    assert code == 0 or said.err.startswith("error: ")
    assert not (run / "error.log").exists()
