"""Compiled templates are taken from where they are kept, and never for something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2
import pytest

from pageswap.answers import kept_templates, words
from pageswap.answers.kept_templates import KeptTemplates
from pageswap.report.page.write import _environment as page_environment

if TYPE_CHECKING:
    from pathlib import Path


class NoCompiler(jinja2.Environment):
    """Compiles nothing."""

    def compile(self, *_: Any, **__: Any) -> Any:
        """Fail."""
        raise AssertionError("compiled anew")


def said(folder: Path, settings: str = "words", kind: type[jinja2.Environment] = jinja2.Environment) -> str:
    """Return what the template of a folder says, by an environment of its own."""
    cache = KeptTemplates(folder, settings)
    environment = kind(
        loader=jinja2.FileSystemLoader(folder), bytecode_cache=cache, autoescape=settings == "pages", auto_reload=False
    )
    return environment.get_template("it.j2").render(word="<a>")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with one template."""
    (tmp_path / "it.j2").write_text("says {{ word }}")
    return tmp_path


def test_what_was_compiled_once_is_taken(folder: Path) -> None:
    """The compiler is not asked."""
    with pytest.raises(AssertionError, match="compiled anew"):
        said(folder, kind=NoCompiler)

    assert said(folder) == said(folder, kind=NoCompiler) == "says <a>"


def test_a_template_that_changed_is_compiled_anew(folder: Path) -> None:
    """Also within the same second."""
    said(folder)
    (folder / "it.j2").write_text("tells {{ word }}")

    assert said(folder) == "tells <a>"


def test_another_program_compiles_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its filters may say something else of a constant."""
    said(folder)
    monkeypatch.setattr(kept_templates, "_program", lambda: "another")

    with pytest.raises(AssertionError, match="compiled anew"):
        said(folder, kind=NoCompiler)


def test_pages_escape_and_words_do_not(folder: Path) -> None:
    """Each has the code that its own settings made; those of the program are told apart so."""
    assert said(folder, "words") == said(folder, "words") == "says <a>"
    assert said(folder, "pages") == said(folder, "pages") == "says &lt;a&gt;"
    caches = [environment().bytecode_cache for environment in (words.environment, page_environment)]
    assert [cache.pattern for cache in caches if isinstance(cache, KeptTemplates)] == ["%s.words", "%s.pages"]


def test_a_folder_that_takes_no_file_is_done_without(folder: Path) -> None:
    """As that of another user's checkout."""
    (folder / "__pycache__").write_text("a file, which not even root makes a folder of")

    assert said(folder) == "says <a>"


@pytest.mark.parametrize("size", [0, 10, 60, 100])
def test_a_file_that_is_cut_off_is_not_taken(folder: Path, size: int) -> None:
    """It is written again."""
    said(folder)
    (kept,) = (folder / "__pycache__").iterdir()
    kept.write_bytes(kept.read_bytes()[:size])

    assert said(folder) == said(folder, kind=NoCompiler) == "says <a>"
