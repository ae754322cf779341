"""What kind of file the entry script is, and how it is therefore run. Reads it, runs nothing."""

from __future__ import annotations

import ast
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

from runyard.config import arguments, checks, commands, notebooks, programs, source_imports
from runyard.config.jobspec import EntrySpec, JobSpec
from runyard.errors import ExperimentExecutionException

_SHELL = (".sh", ".bash")
_R = (".r",)
_PYTHON = (".py", ".pyw")
_PYTHON_PROGRAM = re.compile(r"python(?:\d+(?:\.\d+)?)?\Z")
_HEAD_BYTES = 1 << 16


def of(
    script: object, given_arguments: object, given_command: object, source: Path
) -> tuple[str | None, EntrySpec | None]:
    """The script and how it is run; (None, None) for a command.

    Raises ExperimentExecutionException for neither, UserErrorException for both, and what
    ``found`` raises.
    """
    command = commands.resolved(given_command)
    commands.refuse_both(script, arguments.as_text(given_arguments), command)
    if command:
        return None, None
    if not script:
        raise ExperimentExecutionException(
            "there is nothing to run: give script (a file in the source folder) or command"
        )
    return found(script, source)


def check(spec: JobSpec, source: Path, variables: Mapping[str, str]) -> None:
    """Refuse a script that lacks what it needs besides its own file, as far as that is known.

    ``variables``: of the run. Raises UserErrorException and ExperimentExecutionException.
    """
    if spec.entry is None or spec.script is None:
        return
    if spec.entry.kind == "notebook":
        notebooks.check_arguments(spec.script, spec.arguments)
        notebooks.check_processes(spec.script, spec.launcher)
        notebooks.check_environment(spec.script, spec.environment, variables, source)
    if spec.entry.kind == "program" and spec.target == "local":
        programs.check(spec.script, spec.entry.interpreter, spec.environment, variables)


def found(given: object, source: Path) -> tuple[str, EntrySpec]:
    """The script's path inside the source folder, and how it is run.

    ``pkg.train`` and ``-m pkg.train`` are pkg/train.py, ``pkg`` is pkg/__main__.py, where there is
    no file of that very name. Raises ExperimentExecutionException when it is no file in there
    (spec 9.2), or none that can be run, and UserErrorException for what is no path.
    """
    dotted = _module_file(given, source)
    script = dotted or checks.script_name(given, source)
    return script, _kind(script, source / script, as_module=dotted is not None, source=source)


def _module_file(given: object, source: Path) -> str | None:
    """The file of a module that is named with dots."""
    if not isinstance(given, str):
        return None
    name = given.strip().removeprefix("-m ").strip()
    is_name = all(part.isidentifier() for part in name.split("."))
    if not is_name or os.path.lexists(source / given):
        return None
    path = name.replace(".", "/")
    for file in (f"{path}.py", f"{path}/__main__.py"):
        if (source / file).is_file():
            return file
    if given.strip().startswith("-m "):
        raise ExperimentExecutionException(
            f"script={given!r}: there is no {path}.py or {path}/__main__.py in the project folder "
            f"{str(source)!r}; a module of an installed package is run by a command: "
            f"command='python -m {name}'"
        )
    return None


def _kind(script: str, path: Path, *, as_module: bool, source: Path) -> EntrySpec:
    ending = path.suffix.lower()
    if ending == ".ipynb":
        notebooks.check(script, path)
        return EntrySpec(kind="notebook")
    if ending in _PYTHON:
        return _python(script, path, as_module, source)
    if ending in _R:
        return EntrySpec(kind="program", interpreter=("Rscript",))
    head = _head(path)
    words = _first_line(head, script)
    if words and _is_python(words):
        return EntrySpec(kind="python")
    if words or ending in _SHELL:
        _refuse_windows_lines(head, script, words)
        return EntrySpec(kind="program", interpreter=words or ("bash",))
    return _of_no_known_kind(script, path, head)


def _of_no_known_kind(script: str, path: Path, head: bytes) -> EntrySpec:
    if head.startswith(b"\x7fELF"):
        if os.access(path, os.X_OK):
            return EntrySpec(kind="program")
        raise ExperimentExecutionException(
            f"script={script!r} is a program without the permission to be run; give it: "
            f"chmod +x {script}"
        )
    # SDK v1 ran every script under Python, whatever its name.
    if _is_python_code(path):
        return EntrySpec(kind="python")
    raise ExperimentExecutionException(
        f"script={script!r}: how to run it is not known. Python (.py), notebooks (.ipynb), shell "
        "(.sh) and R (.R) are known by their endings; any other script says it in its first line, "
        f"such as '#!/usr/bin/env julia'. Or give a command: command='PROGRAM {script}'"
    )


# Lines


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(_HEAD_BYTES)


def _first_line(head: bytes, script: str) -> tuple[str, ...]:
    """The program of a ``#!`` line and its one argument, as the kernel reads them; () without."""
    if not head.startswith(b"#!"):
        return ()
    line = head[2:].split(b"\n", 1)[0].strip().decode("utf-8", "surrogateescape")
    words = tuple(line.split(None, 1))
    if not words:
        raise ExperimentExecutionException(
            f"script={script!r} has a '#!' line that names no program; write '#!/bin/bash'"
        )
    return words


def _is_python(words: tuple[str, ...]) -> bool:
    """Whether it is any Python: the script then runs under that of its environment."""
    program = os.path.basename(words[0])
    if program == "env" and len(words) > 1:
        named = [word for word in words[1].split() if not word.startswith("-") and "=" not in word]
        program = named[0] if named else ""
    return bool(_PYTHON_PROGRAM.match(program))


def _refuse_windows_lines(head: bytes, script: str, words: tuple[str, ...]) -> None:
    """Shells take the carriage return for a part of the last word."""
    lines = head.split(b"\n")[:-1]
    first = bool(words) and lines[:1] != [] and lines[0].endswith(b"\r")
    if first or (lines and all(line.endswith(b"\r") for line in lines)):
        raise ExperimentExecutionException(
            f"script={script!r} has the line ends of Windows (CRLF), which a shell does not read; "
            f"convert it: sed -i 's/\\r$//' {script}"
        )


def _is_python_code(path: Path) -> bool:
    try:
        return _parsed(path) is not None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _parsed(path: Path) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(path.read_bytes())


# Modules


def _python(script: str, path: Path, as_module: bool, source: Path) -> EntrySpec:
    """As a file, unless it imports relatively, which only a module of a package can.

    As a file in a package it finds the package as well as what lies beside it.
    """
    folder = os.path.dirname(script)
    depth = _packages_above(script, source)
    level = 0 if not folder else _relative_level(path)
    if as_module or level:
        names = script.removesuffix(".py").split("/")
        # A name with dots is what the user wants it to be called.
        parts = len(names) - 1 if as_module else min(max(depth, level), len(names) - 1)
        root = "/".join(names[: len(names) - 1 - parts])
        module = ".".join(names[len(names) - 1 - parts :]).removesuffix(".__main__")
        if not any("." in name for name in names) and path.suffix == ".py":
            return EntrySpec(kind="module", module=module, python_path=(root or ".", folder or "."))
    if depth:
        root = "/".join(script.split("/")[: -1 - depth])
        return EntrySpec(kind="python", python_path=(root or ".",))
    return EntrySpec(kind="python")


def _packages_above(script: str, source: Path) -> int:
    """How many folders up from the script are packages, one in the other."""
    count, folder = 0, os.path.dirname(script)
    while folder and (source / folder / "__init__.py").is_file():
        count, folder = count + 1, os.path.dirname(folder)
    return count


def _relative_level(path: Path) -> int:
    try:
        return source_imports.relative_level(_parsed(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return 0  # the run's own Python may read it, or says where it is wrong
