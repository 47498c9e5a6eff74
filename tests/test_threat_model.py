"""Each claim of docs/threat-model.md is held by tests that run, or said to have none."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from claims import NO_TEST, TESTS, Claim, claims

ROOT = TESTS.parent
# One of those that hold a claim, which needs a program of the PATH.
SKIPPED_WITHOUT_SSH = "tests/hostile/test_ssh_servers.py::test_one_that_starts_nothing_is_left[openssh]"


def pytest_of(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a process of its own."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("claim", claims(), ids=lambda claim: claim.what)
def test_a_claim_is_held_by_tests_or_said_to_have_none(claim: Claim) -> None:
    """And by nothing that is neither."""
    assert claim.is_plain, claim.held
    assert claim.what
    assert claim.comes


def test_few_claims_have_no_test() -> None:
    """Whoever adds one says here that it is one more."""
    assert len([claim for claim in claims() if claim.held == NO_TEST]) == 3


@pytest.mark.slow
def test_every_test_that_holds_a_claim_is_collected() -> None:
    """A moved test takes its mention along; one that a marker or a missing module leaves out holds nothing."""
    named = sorted({f"tests/{test}" for claim in claims() for test in claim.tests})
    done = pytest_of("--collect-only", *named)
    collected = {line.partition("[")[0] for line in done.stdout.splitlines() if "::" in line}

    assert done.returncode == 0, done.stdout + done.stderr
    assert set(named) <= collected


@pytest.mark.slow
@pytest.mark.parametrize(("required", "code"), [("", 0), ("claims", 1)])
def test_one_that_is_skipped_holds_nothing(required: str, code: int) -> None:
    """It fails where `.ci/run` says so, which has whatever any of them needs."""
    done = pytest_of(SKIPPED_WITHOUT_SSH, PATH="/nowhere", PAGESWAP_REQUIRE=required)

    assert done.returncode == code, done.stdout + done.stderr
    assert ("1 error" if code else "1 skipped") in done.stdout
    assert not code or "holds a claim of threat-model.md" in done.stdout


def test_ci_skips_none() -> None:
    """Nor does it leave any out."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (required,) = [line for line in script.splitlines() if line.startswith("export PAGESWAP_REQUIRE=")]

    assert "claims" in required.partition("=")[2].split(",")
    assert "./inv test --all" in script
