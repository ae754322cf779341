"""What uv printed, in the user's words. The texts are those of uv 0.5 and 0.13."""

import errno

import pytest

from runyard.environments import build_failure, failures

NOT_FOUND = """Using Python 3.11.7 environment at: v
error: No solution found when resolving dependencies
  cause: Because nosuch was not found in the package registry and you require nosuch, we can \
conclude that your requirements are unsatisfiable.
"""
NOT_FOUND_OLD = """  × No solution found when resolving dependencies:
  ╰─▶ Because nosuch was not found in the package registry and you require
      nosuch, we can conclude that your requirements are unsatisfiable.
"""
NO_WHEEL = """error: No solution found when resolving dependencies
  cause: Because torch==1.4.0 has no wheels with a matching Python ABI tag (e.g., `cp311`) and you \
require torch==1.4.0, we can conclude that your requirements are unsatisfiable.

hint: You require CPython 3.11 (`cp311`), but we only found wheels for `cp38`
"""
TRANSITIVE = """error: No solution found when resolving dependencies
  cause: Because top==1.0 depends on base>=2 and you require base<2, we can conclude that you \
require top==1.0 and base<2 are incompatible.
"""
REFUSED = """error: No solution found when resolving dependencies
  cause: Because six was not found in the package registry and you require six, we can conclude \
that your requirements are unsatisfiable.

hint: An index URL (http://me:pass-word@h.example:99/simple) could not be queried due to a lack of \
valid authentication credentials (401 Unauthorized)
"""
OFFLINE = """error: No solution found when resolving dependencies
  cause: Because six was not found in the cache and you require six, we can conclude that your \
requirements are unsatisfiable.

hint: Packages were unavailable because the network was disabled.
"""
NO_HOST = """error: Failed to fetch: https://me:pass-word@h.example/simple/six/
  cause: error sending request for url (https://h.example/simple/six/)
  cause: client error (Connect)
  cause: dns error
  cause: failed to lookup address information: Name or service not known
"""
FULL = """error: Failed to install: six-1-py3-none-any.whl (six==1)
  cause: failed to copy file: No space left on device (os error 28)
"""
COMPILER = """   Building bad @ file:///tmp/bad
error: Failed to build `bad @ file:///tmp/bad`
  cause: The build backend returned an error
  cause: Call to `setuptools.build_meta:__legacy__.build_wheel` failed (exit status: 1)

         [stdout]
         running build_ext

         [stderr]
         cc1: fatal error: missing.c: No such file or directory
         error: Command '['gcc']' returned non-zero exit status 1.

hint: Build failures usually indicate a problem with the package or the build environment
"""


@pytest.mark.parametrize(
    ("output", "type_", "package", "message"),
    [
        (
            NOT_FOUND,
            "unresolvable",
            "nosuch",
            "No set of packages fits the requirements: nosuch was not found in the package "
            "registry and you require nosuch",
        ),
        (NOT_FOUND_OLD, "unresolvable", "nosuch", "nosuch was not found in the package registry"),
        (NO_WHEEL, "unresolvable", "torch", "has no wheels with a matching Python ABI tag"),
        (TRANSITIVE, "unresolvable", "base", "top==1.0 depends on base>=2 and you require base<2"),
        (REFUSED, "unauthorized", "six", "The package index h.example:99 refuses access"),
        (OFFLINE, "network", "six", "(UV_OFFLINE) and six is not in its cache"),
        (NO_HOST, "network", "six", "h.example cannot be reached: failed to lookup address"),
        (
            FULL,
            "disk_full",
            None,
            "There is no space left on the disk, or in the quota, that holds /cache",
        ),
        (
            COMPILER,
            "build_failed",
            "bad",
            "bad could not be built from source: cc1: fatal error: missing.c: No such file",
        ),
        ("error: strange\n  cause: thing", "failed", None, "strange cause: thing"),
        ("", "failed", None, "uv failed without a message"),
    ],
)
def test_causes(output: str, type_: str, package: str | None, message: str) -> None:
    failure = failures.of_output(output, 1, ["nosuch", "Torch==1.4", "base<2", "six"], "/cache")
    assert (failure.type, failure.package) == (type_, package)
    assert message in failure.message
    assert "pass-word" not in str(failure.as_dict())
    assert "unsatisfiable" not in failure.message


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (
            "a.c:1:10: fatal error: zlib.h: No such file or directory",
            "The header zlib.h is missing (on Debian: apt-file search zlib.h). ",
        ),
        (
            "error: command 'x86_64-linux-gcc' failed: No such file or directory",
            "The program x86_64-linux-gcc is missing (on Debian: apt install build-essential). ",
        ),
        (
            "unable to execute 'swig': No such file or directory",
            "The program swig is missing (on Debian: apt install swig). ",
        ),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: 'cmake'",
            "The program cmake is missing (on Debian: apt install cmake). ",
        ),
        ("cc1: fatal error: missing.c: No such file or directory", ""),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/src/README.md'", ""),
    ],
)
def test_what_a_build_misses_is_named(line: str, hint: str) -> None:
    text = COMPILER.replace("cc1: fatal error: missing.c: No such file or directory", line)
    failure = failures.of_output(text, 1, [], "/cache")
    assert failure.message == f"bad could not be built from source: {line}"
    assert failure.hint == (
        f"{hint}The compiler's output is in the log above; install what it misses, or ask for a "
        "version or a Python that has a ready wheel"
    )


def test_uvs_own_hint_is_kept() -> None:
    failure = failures.of_output(NO_WHEEL, 1, ["torch==1.4.0"], "/cache")
    assert failure.hint.startswith("You require CPython 3.11")


def test_a_killed_uv() -> None:
    failure = failures.of_output("", -9, [], "/cache")
    assert failure.type == "killed"
    assert failure.message == "uv was ended by SIGKILL in the middle of the build"
    assert "out of memory" in failure.hint


@pytest.mark.parametrize(
    ("number", "type_"),
    [(errno.ENOSPC, "disk_full"), (errno.EDQUOT, "disk_full"), (errno.EACCES, "failed")],
)
def test_errors_of_the_operating_system(number: int, type_: str) -> None:
    failure = build_failure.of_os_error(OSError(number, "reason"), "/cache")
    assert failure.type == type_
    assert "/cache" in failure.message
    assert "RUNYARD_CACHE_DIR" in failure.hint


def test_the_reason_ends_with_a_whole_sentence() -> None:
    output = """error: No solution found when resolving dependencies
  cause: Because top==2.32.0 depends on base>=2.5 and you require base==2.0, we can conclude that
         your requirements and top==2.32.0 are incompatible.
         And because you require top==2.32.0, we can conclude that your requirements are
         unsatisfiable.
"""
    failure = failures.of_output(output, 1, ["top==2.32.0", "base==2.0"], "/cache")
    assert failure.message.endswith("your requirements and top==2.32.0 are incompatible.")
