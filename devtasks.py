"""What the developer's tasks do: tests, lint, formatting and the speed table."""

from __future__ import annotations

import concurrent.futures
import functools
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pageswap
from pageswap.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent
TOOLS = Path(sys.executable).parent
PYTHON_FILES = ("pageswap", "native", "tests", "docs/mover", "tasks.py", "devtasks.py", "setup.py")


@functools.cache
def build_core(*, sanitize: bool = False) -> str:
    """Build the core unless the one at hand is current, and return its facts as JSON text. Raises BuildError.

    Once a command: `run` needs it for its plan, for what it asks the hosts beforehand, and for what it measures.
    """
    return _built("native/build.py", *(["--sanitize"] if sanitize else []))


def build_module() -> str:
    """Build the kernel module for the kernel that runs here, and return its facts as JSON text. Raises BuildError."""
    return _built("native/module/build_module.py")


def _built(*script: str) -> str:
    # A process of its own: its inputs are the compiler's, and cffi's parser stays out of every other command.
    done = subprocess.run([sys.executable, *script], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(done.stderr.strip().removeprefix("error: "))
    return done.stdout.strip()


def install_mover(folder: Path) -> list[str]:
    """Build the mover's C library into a folder, and return the paths that are there now. Raises BuildError."""
    command = [sys.executable, "native/install_mover.py", str(folder), pageswap.__version__]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(done.stderr.strip().removeprefix("error: "))
    return list(json.loads(done.stdout))


# The core's: one after the other, for they share the host's huge pages.
_CORE = ("tests/native",)
# Side by side, in the order of tests/conftest.py.
_SIDE_BY_SIDE = ("--no-loadscope-reorder", "-n")
# Named by folder, as each process imports all that it is not told to leave aside.
_LAB_FOLDER = "tests/integration"
# Labs wait for much of their time; what they leave the core's tests take.
_LABS = (_LAB_FOLDER, *_SIDE_BY_SIDE, "4")
# With the core's tests beside them twice as many processes as two CPUs, as many a test waits.
_OTHERS = (*(f"--ignore={folder}" for folder in (*_CORE, _LAB_FOLDER)), *_SIDE_BY_SIDE, "3")
_TWICE = ", alone and under AddressSanitizer and UndefinedBehaviorSanitizer"

# pytest's flags that pick tests out.
_PICKS = {"-k", "-m", "--lf", "--last-failed", "--sw", "--stepwise"}


def test(args: Sequence[str], *, whole: bool) -> int:
    """Run pytest: what is picked out, else the quick tests, or with ``whole`` all, the core under sanitizers as well.

    The quick ones are those that need no lab of hosts, no browser and not more than some seconds. The core's tests run
    beside all others. Returns 1 where a test failed or pytest did not take the arguments, which it gets all.
    """
    build_core()
    pytest = [sys.executable, "-m", "pytest", *args]
    if any(word in _PICKS or (ROOT / word.partition("::")[0]).exists() for word in args):
        return _run(pytest)
    quick = [*pytest, "-m", "not slow"]
    with tempfile.TemporaryFile() as said, concurrent.futures.ThreadPoolExecutor(1) as pool:
        core = pool.submit(_test_core, pytest if whole else quick, said, twice=whole)
        codes = [_run([*pytest, *part]) for part in (_LABS, _OTHERS)] if whole else [_run([*quick, *_OTHERS])]
        codes.append(core.result())
        print(f"\nThe core's tests{_TWICE if whole else ''}", flush=True)
        said.seek(0)
        shutil.copyfileobj(said, sys.stdout.buffer)
    return max(codes)


def _test_core(pytest: list[str], output: IO[bytes], *, twice: bool) -> int:
    """Run the core's tests and write what they say to ``output``; if ``twice``, again with a core of sanitizers."""
    code = _run([*pytest, *_CORE], output)
    if not twice:
        return code
    library = _compiler_file("libasan.so")
    if not library.is_absolute():
        return max(code, _without_sanitizers())
    build_core(sanitize=True)
    environment = {
        **os.environ,
        "LD_PRELOAD": str(library),
        # Python itself leaks by design at its end; every error of the core still stops the process. What was freed is
        # held back for longer than a trial takes, but no 256 MiB of it, whose pages each fork would copy the tables of.
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:quarantine_size_mb=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "PAGESWAP_SANITIZED": "1",
    }
    paths = ["-o", "pythonpath=build/sanitized tests tests/native", "-p", "no:cacheprovider"]
    return max(code, _run([*pytest, *paths, *_CORE], output, environment))


def _without_sanitizers() -> int:
    required = "sanitizers" in os.environ.get("PAGESWAP_REQUIRE", "").split(",")
    print(f"{'FAILED' if required else 'SKIPPED'}: the C compiler has no libasan.so; install gcc's sanitizers")
    return int(required)


def _run(command: list[str], output: IO[bytes] | None = None, environment: dict[str, str] | None = None) -> int:
    """Return 1 for any code but 0, as a shell says a signal's, telling what no command could tell of itself."""
    errors = subprocess.STDOUT if output else None
    code = subprocess.run(command, cwd=ROOT, env=environment, stdout=output, stderr=errors, check=False).returncode
    if code >= 0:
        return min(code, 1)
    print(f"\nFAILED: {shlex.join(command)} was killed by {signal.Signals(-code).name}", flush=True)
    return 128 - code


def _compiler_file(name: str) -> Path:
    done = subprocess.run(["cc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def lint() -> int:
    """Run every checker, show what each one that fails says, and return 1 when any did."""
    failed = []
    checkers = _checkers()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = {name: [pool.submit(_complaint, command) for command in commands] for name, commands in checkers.items()}
        for name, futures in runs.items():
            complaints = [text for text in (future.result() for future in futures) if text is not None]
            print(f"{'FAILED' if complaints else 'ok    '}  {name}", flush=True)
            if complaints:
                failed.append(name)
                print("\n".join(complaints) + "\n", flush=True)
    print(f"{len(failed)} of {len(checkers)} checkers failed: {', '.join(failed)}" if failed else "lint: clean")
    return int(bool(failed))


def _complaint(command: list[str]) -> str | None:
    """Return what a command that failed said."""
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return (done.stdout.strip() or f"{shlex.join(command)} ended with {done.returncode}") if done.returncode else None


def _checkers() -> dict[str, list[list[str]]]:
    # The module is compiled against the kernel's headers alone, which only some machines have.
    module = _names("native/module/*.c")
    c_files = [name for name in _names("native/*.c", "native/*/*.c", "docs/mover/*.c") if name not in module]
    formatted = [*c_files, *module, *_names("native/*.h", "native/mover/*.h")]
    gcc = ["gcc", "-std=gnu17", "-O2", "-D_GNU_SOURCE", "-Inative", "-Inative/mover", "-Wall", "-Wextra", "-Werror"]
    cppcheck = ["--quiet", "--enable=warning,performance,portability", "--inline-suppr", "--error-exitcode=1"]
    return {
        "ruff check": [[_tool("ruff"), "check", "--quiet", *PYTHON_FILES]],
        "ruff format": [[_tool("ruff"), "format", "--quiet", "--diff", *PYTHON_FILES]],
        "mypy": [[_tool("mypy"), "--no-error-summary"]],
        "import-linter": [[_tool("lint-imports"), "--no-logo"]],
        "clang-format": [[_tool("clang-format"), "--dry-run", "-Werror", *formatted]],
        # -fanalyzer works on what the optimiser sees, so each file is compiled to nowhere.
        "gcc -Wall -Wextra -fanalyzer": [[*gcc, "-fanalyzer", "-S", "-o", "/dev/null", path] for path in c_files],
        "cppcheck": [[_tool("cppcheck"), *cppcheck, "--std=c11", "-Inative", "-Inative/mover", *c_files]],
    }


def format_code() -> int:
    """Apply ruff's and clang-format's formatting in place."""
    commands: Sequence[list[str]] = (
        [_tool("ruff"), "format", *PYTHON_FILES],
        [_tool("clang-format"), "-i", *_names("native/*.[ch]", "native/*/*.[ch]", "docs/mover/*.c")],
    )
    return max(subprocess.run(command, cwd=ROOT, check=False).returncode for command in commands)


def bench(only: str) -> int:
    """Print the speed table."""
    build_core()
    command = [sys.executable, "tests/bench/table.py", *([only] if only else [])]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False).returncode


def _tool(name: str) -> str:
    return str(TOOLS / name)


def _names(*patterns: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern))
