"""The controller's own machine is readied like any other, and asked for no more than it must be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from requirement import require

from pageswap.errors import HostError, HostPythonError
from pageswap.fleet.inventory import InventoryHost
from pageswap.fleet.provision.bundle import make_bundle
from pageswap.fleet.target import make_target

READ_ALL = "import json, os, sys, time\ndocument = json.load(sys.stdin)\n"


class TestRealAgent:
    """The program that will also run on remote hosts."""

    def test_verbs_are_answered(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Facts with the core's, and the state of a segment that never was."""
        monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "home"))
        target = make_target(InventoryHost("local"))
        target.ensure_bundle(make_bundle())
        status = target.call("status", {"work_dir": target.work_dir("run", 1)})
        facts = target.call("facts", {})

        assert (status["alive"], status["journal_bytes"]) == (False, 0)
        assert facts["environment"]["core"]["core_hash"]
        assert {"memcpy", "mremap_fixed"} <= {method["name"] for method in facts["methods"]}
        assert target.work_dir("run", 1) == f"{tmp_path}/home/runs/run/local/1"

    def test_its_refusal_is_an_error_in_its_own_words(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """With the host's name before it."""
        monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "home"))
        target = make_target(InventoryHost("local"))
        target.ensure_bundle(make_bundle())
        with pytest.raises(HostError, match=r"^local: .*not an absolute path"):
            target.call("status", {"work_dir": "relative"})


class TestInventory:
    """What the inventory says of this machine holds as for any other."""

    def test_bundles_and_journals_may_be_elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """In a private folder that is made; the usual place stays as it is."""
        monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "home"))
        target = make_target(InventoryHost("local", workdir=str(tmp_path / "else" / "where")))
        target.ensure_bundle(make_bundle())

        assert target.work_dir("run", 1) == f"{tmp_path}/else/where/runs/run/local/1"
        assert target.call("clean", {"runs": "all"})["removed"] == 0
        assert (tmp_path / "else" / "where").stat().st_mode & 0o777 == 0o700
        assert not (tmp_path / "home").exists()

    @pytest.mark.slow
    @pytest.mark.parametrize("version", ["3.9", "3.12", "3.13"])
    def test_another_python_gets_its_backend(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
    ) -> None:
        """As on any other host."""
        pythons = sorted((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python3")) or [
            Path(found) for found in [shutil.which(f"python{version}")] if found
        ]
        if not pythons:
            pytest.skip(f"there is no Python {version} here")
        monkeypatch.setenv("PAGESWAP_HOME", str(tmp_path / "home"))
        target = make_target(InventoryHost("local", python=str(pythons[0])))
        try:
            target.ensure_bundle(make_bundle())
        except HostPythonError as error:
            require("pip-index", present=False, reason=str(error))
        environment = target.call("facts", {})["environment"]

        assert environment["python"].startswith(version)
        assert environment["core"]["core_hash"]

    def test_a_python_that_does_not_serve_is_refused(self, tmp_path: Path) -> None:
        """With what it says, or that it is not there."""
        old = tmp_path / "python3"
        old.write_text("#!/bin/sh\necho SyntaxError: too old >&2; exit 1\n")
        old.chmod(0o755)
        with pytest.raises(HostPythonError, match=r"local: /.*/python3, its 'python:' .*: SyntaxError: too old;"):
            make_target(InventoryHost("local", python=str(old))).ensure_bundle(make_bundle())
        with pytest.raises(
            HostError, match=r"local: /nowhere/python3, its .*(No such file or directory|not found); install"
        ):
            make_target(InventoryHost("local", python="/nowhere/python3")).ensure_bundle(make_bundle())
