"""Options of sbatch that a site or a user adds: checked against the sbatch that is installed."""

from __future__ import annotations

import difflib
import functools
import os
import re
from collections.abc import Iterable, Mapping, Sequence

from runyard.computes.slurm.commands import Slurm, SlurmError
from runyard.computes.slurm.script import quoted
from runyard.errors import ComputeTargetException

OURS: Mapping[str, str] = {
    "account": "account=...",
    "array": "one submit for each run",
    "chdir": "the run directory is the folder of the job",
    "clusters": "a target for each cluster, with slurm_conf",
    "constraint": "constraint=...",
    "cpus-per-task": "vm_size of the run",
    "error": "it goes to system_logs/slurm.txt",
    "export": "environment_variables of the run",
    "export-file": "environment_variables of the run",
    "gpus-per-node": "use_gpu and vm_size of the run",
    "help": "sbatch --help, in a shell",
    "job-name": "the job has the name of its run",
    "mem": "vm_size of the run",
    "nodes": "node_count of the run",
    "no-requeue": "vm_priority of the run",
    "ntasks": "process_count_per_node of the run",
    "ntasks-per-node": "process_count_per_node of the run",
    "open-mode": "the job's output is appended to",
    "output": "it goes to system_logs/slurm.txt",
    "parsable": "runyard reads what sbatch prints",
    "partition": "partition=...",
    "qos": "qos=...",
    "quiet": "runyard reads what sbatch prints",
    "requeue": "vm_priority of the run",
    "reservation": "reservation=...",
    "signal": "runyard is told of the end by it",
    "time": "max_run_duration_seconds of the run",
    "usage": "sbatch --usage, in a shell",
    "version": "sbatch --version, in a shell",
    "wait": "run.wait_for_completion()",
    "wrap": "the script of the run",
}
"""Options that runyard sets itself, and what to use instead."""


def listed(given: object) -> list[str]:
    """Options as words of sbatch, ``--name`` or ``--name=value``.

    ``given``: a dict such as ``{'hint': 'nomultithread', 'exclusive': True}``, or a list such as
    ``['--hint=nomultithread', '--exclusive']``. Raises ComputeTargetException for anything else,
    and for options that runyard sets itself.
    """
    if given is None:
        return []
    pairs = given.items() if isinstance(given, Mapping) else _pairs(given)
    found = []
    for name, value in pairs:
        word = _word(str(name).lstrip("-").replace("_", "-"), value)
        if word is not None:
            found.append(word)
    return found


def _pairs(given: object) -> list[tuple[str, object]]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ComputeTargetException(
            f"sbatch_options={given!r} is of type {type(given).__name__}; give a dict such as "
            "{'hint': 'nomultithread', 'exclusive': True}, or a list such as "
            "['--hint=nomultithread', '--exclusive']"
        )
    found: list[tuple[str, object]] = []
    for word in given:
        if not isinstance(word, str) or not re.match("--[a-z]", word):
            raise ComputeTargetException(
                f"sbatch_options: {word!r} is no long option of sbatch; write it as "
                "'--name=value', or '--name' where it takes no value"
            )
        name, equals, value = word.partition("=")
        found.append((name, value if equals else True))
    return found


def _word(name: str, value: object) -> str | None:
    if not re.fullmatch("[a-z][a-z0-9-]*", name):
        raise ComputeTargetException(
            f"sbatch_options: {name!r} is not the name of an option of sbatch; see: sbatch --help"
        )
    if name in OURS:
        raise ComputeTargetException(
            f"sbatch_options: --{name} is set by runyard; use instead: {OURS[name]}"
        )
    if value is None or value is False:
        return None
    word = f"--{name}" if value is True else f"--{name}={value}"
    quoted(word)
    return word


def check(slurm: Slurm, options: Sequence[str]) -> None:
    """Raise ComputeTargetException for an option that the installed sbatch does not know.

    It is asked itself, without submitting anything: its help leaves some out. Even so it needs a
    configuration; it is an error when it finds none. Nothing is checked where sbatch is not
    installed: then nothing can be submitted either.
    """
    try:
        program = slurm.find("sbatch")
    except SlurmError:
        return
    for option in options:
        try:
            slurm.run("sbatch", option, "--version")
        except SlurmError as error:
            raise _refused(slurm, program, option, error) from error


def _refused(slurm: Slurm, program: str, option: str, error: SlurmError) -> ComputeTargetException:
    name = option[2:].partition("=")[0]
    if "requires an argument" in error.message:
        text = f"sbatch_options: --{name} takes a value: {{{name!r}: ...}}"
    elif "unrecognized option" in error.message:
        known = _known(slurm, program, os.stat(program).st_mtime_ns)
        near = difflib.get_close_matches(name, known, n=3)
        meant = f"; did you mean {', '.join(f'--{one}' for one in near)}?" if near else "."
        text = (
            f"sbatch_options: the sbatch installed here ({version(slurm)}) knows no --{name}"
            f"{meant} It lists its options: sbatch --help"
        )
    else:
        text = f"sbatch_options: {option}: {error.message}"
    return ComputeTargetException(text, error)


def version(slurm: Slurm) -> str:
    """What the installed sbatch calls itself, such as 'slurm-wlm 22.05.8'."""
    return slurm.run("sbatch", "--version").strip()


@functools.cache
def _known(slurm: Slurm, program: str, changed: int) -> list[str]:
    """The long options in the help of an sbatch.

    ``changed``: when the program was written; another one is asked anew.
    """
    return parse_help(slurm.run(program, "--help"))


def parse_help(text: str) -> list[str]:
    """The long options in what ``sbatch --help`` prints."""
    names = (re.findall(r"(?<![\w-])--([a-z][a-z0-9-]*)", line[:40]) for line in text.splitlines())
    return list(dict.fromkeys(name for of_line in names for name in of_line))
