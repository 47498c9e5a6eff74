"""Import rules that import-linter cannot see: of compiled modules, and of everything that is not pageswap's."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "pageswap"
ON_THE_HOST = sorted(
    [*PACKAGE.glob("agent/**/*.py"), *PACKAGE.glob("native/*.py"), PACKAGE / "units.py", PACKAGE / "errors.py"]
)
EVERY_FILE = sorted(PACKAGE.rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    """Give the dotted name of everything that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", ON_THE_HOST, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_runs_on_a_host_needs_the_standard_library_only(path: Path) -> None:
    """A measured host needs no package but cffi's backend, which the bundle brings along."""
    tops = {name.partition(".")[0] for name in imports_of(path)}

    assert set() == tops - sys.stdlib_module_names - {"pageswap"}


@pytest.mark.parametrize(("compiled", "importer"), [("._core", "native"), ("._mover", "mover")])
def test_only_one_package_imports_what_is_compiled(compiled: str, importer: str) -> None:
    """Return codes become exceptions in one place."""
    importers = {path.parent.name for path in EVERY_FILE if any(compiled in name for name in imports_of(path))}

    assert {importer} == importers


@pytest.mark.parametrize("path", ON_THE_HOST, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_runs_on_a_host_is_python_39(path: Path) -> None:
    """Its syntax is that of the oldest Python that a host may have."""
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
