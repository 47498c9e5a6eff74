"""Gets the text of a file that a person wrote: found by name, small, regular, UTF-8, free of characters that hide."""

from __future__ import annotations

import dataclasses
import errno
import os
import re
import stat
from pathlib import Path

from pageswap.errors import SpecError
from pageswap.spec.quoting import guess, printable, quoted

MAX_BYTES = 1 << 20
_SUFFIXES = ("", ".yaml", ".yml")

# YAML breaks lines at NEL, LS and PS too, which no editor shows: the line numbers of errors would not be the reader's.
# C0 and C1 controls and DEL never belong in an experiment; lone surrogates are not text.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


@dataclasses.dataclass(frozen=True)
class FileKind:
    """What errors call one file of a kind, what it has at least, and how one is named."""

    one: str
    least: str
    cure: str
    form: str = "a YAML file"
    most_bytes: int = MAX_BYTES
    may_be_link: bool = True


EXPERIMENT = FileKind(
    "an experiment", "name, question, method and baseline", "give a path or the name of a file in experiments/"
)


def resolve_spec_path(text: str, experiments_dir: Path) -> Path:
    """Find the file that ``--spec`` names: a path, or a file name in `experiments_dir` with or without ``.yaml``.

    A bare name is looked for in `experiments_dir` first, then here; a path is as from here. Raises SpecError when
    there is none, and when a relative path climbs out of the current folder.
    """
    there = sorted(path.name for path in experiments_dir.glob("*.y*ml"))
    if not text:
        raise SpecError(f"--spec is missing: give a path, or one of {experiments_dir.name}/: {', '.join(there)}")
    wanted = Path(text)
    if not wanted.is_absolute() and Path(os.path.normpath(text)).parts[:1] == (os.pardir,):
        raise SpecError(
            f"--spec: {quoted(text)} climbs out of this folder; give the absolute path "
            f"'{printable(os.path.abspath(text))}'"  # noqa: PTH100 - resolve() would follow links
        )
    is_bare = wanted.name == text
    folders = (experiments_dir, Path()) if is_bare else (Path(),)
    for folder in folders:
        for suffix in _SUFFIXES:
            found = folder / f"{text}{suffix}"
            if os.path.isfile(found):  # noqa: PTH113 - unlike Path.is_file, never raises on an overlong name
                return found
    if not is_bare:
        return wanted
    hint = guess(text, there) or f"; it has {', '.join(there) or 'no file'}"
    raise SpecError(f"--spec: there is no {quoted(text)} in {experiments_dir}{hint}")


def shown_path(path: Path) -> str:
    """Return the path as errors show it: from the current folder when it lies inside, on one line."""
    whole = os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links
    inside = os.path.relpath(whole)
    return printable(whole if inside.startswith(os.pardir) else inside)


def read_bytes(path: Path, kind: FileKind = EXPERIMENT) -> bytes:
    """Read a file of a kind; raises SpecError unless it is a regular, readable file of at most `kind.most_bytes`."""
    name = shown_path(path)
    try:
        # Opened without blocking: a pipe or a device is then refused by its kind rather than waited for.
        link = 0 if kind.may_be_link else os.O_NOFOLLOW
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | link)
    except FileNotFoundError:
        raise SpecError(f"{name}: there is no such file; {kind.cure}") from None
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ELOOP and not kind.may_be_link:
            raise SpecError(f"{name}: is a symbolic link; put the file itself there") from None
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise SpecError(f"{name}: cannot be read: {why}; check the path and its permissions") from error
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise SpecError(f"{name}: is a directory; name {kind.one} file in it")
        if not stat.S_ISREG(status.st_mode):
            raise SpecError(f"{name}: is not a regular file; {kind.one} is {kind.form}")
        # Files of /proc say 0 bytes and hold more, and a file may grow: never read past the limit.
        with open(descriptor, "rb", closefd=False) as file:
            raw = file.read(kind.most_bytes + 1)
    except OSError as error:
        raise SpecError(f"{name}: cannot be read: {error.strerror}; copy it to another place") from error
    finally:
        os.close(descriptor)
    size = max(status.st_size, len(raw))
    if size > kind.most_bytes:
        bound = f"{kind.most_bytes:,} bytes ({kind.most_bytes >> 20} MiB)"
        raise SpecError(f"{name}: holds {size:,} bytes; {kind.one} has at most {bound}")
    return raw


def read_text(path: Path, kind: FileKind = EXPERIMENT) -> str:
    """Read a file of a kind as UTF-8; raises SpecError as `read_bytes` does, and for other text."""
    name, raw = shown_path(path), read_bytes(path, kind)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SpecError(f"{name}:{line}: byte {raw[error.start]:#04x} is not UTF-8; save the file as UTF-8") from None


def forbidden_character(text: str) -> tuple[int, str] | None:
    """Return the index and the name (``U+0000``) of the first character that may not stand in an experiment."""
    found = _FORBIDDEN.search(text)
    return (found.start(), f"U+{ord(found[0]):04X}") if found else None
