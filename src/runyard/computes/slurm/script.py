"""The batch script of a run, and the one function by which values are quoted for a shell."""

from __future__ import annotations

import os
import re
import shlex

from runyard.errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_CONTROL = re.compile("[\x00-\x1f\x7f]")

_MARK = "RUNYARD_RUN_DIRECTORY"

NO_RUNNER = 127
"""The exit code of a job whose runner cannot start on the node."""

_MODULES = """\
if ! command -v module >/dev/null 2>&1; then
  for init in "${LMOD_PKG:-/usr/share/lmod/lmod}/init/bash" \\
      "${MODULESHOME:-/usr/share/modules}/init/bash" \\
      /etc/profile.d/lmod.sh /etc/profile.d/modules.sh; do
    if [ -r "$init" ]; then . "$init"; fi
    if command -v module >/dev/null 2>&1; then break; fi
  done
fi
if ! command -v module >/dev/null 2>&1; then
  stop "there is no command 'module' on this node, and the compute target loads modules"
fi
"""


_RUNNERS = 10
"""So many runners of one job, killed one after the other, are followed by another one."""

_FOLLOWED = """\
# Slurm tells this shell alone that the job is to end (TERM), or that its time is nearly up (USR1).
told=
trap 'told=yes heard=yes; kill -TERM $! 2>/dev/null' TERM
trap 'heard=yes; kill -USR1 $! 2>/dev/null' USR1
# A runner that was killed is followed by one that goes on with what it has left.
left={count}
while [ -z "$told" ]; do
  (trap '' USR1; exec {command}) &
  [ -z "$told" ] || kill -TERM $!
  # A wait that a signal breaks off says nothing of the runner; one too many says 127,
  # and bash -1 where it has lost the code.
  heard=yes code=
  while [ -n "$heard" ]; do
    heard=
    wait $!
    now=$?
    case $now in 127 | -1) : "${{code:=$now}}" ;; *) code=$now ;; esac
  done
  [ "$code" -gt 128 ] && [ "$left" -gt 0 ] || break
  left=$((left - 1))
  echo "runyard: the runner (process $!) was killed: exit code $code" >&2
done
exit "${{code:-143}}"
"""


def quoted(text: str) -> str:
    """One word of a shell, whatever is in ``text``. Raises UserErrorException for control
    characters, which no option of Slurm can have."""
    if _CONTROL.search(text):
        raise UserErrorException(
            f"{text!r} has a control character (such as the end of a line), which cannot be given "
            "to Slurm: leave it out"
        )
    return shlex.quote(text)


def filename(path: str) -> str:
    """A path for an option that takes patterns: ``%`` and ``\\`` stand for themselves.

    Slurm replaces nothing in a path that has a backslash, and takes one of each two away.
    """
    if "\\" in path:
        return path.replace("\\", "\\\\")
    return path.replace("%", "%%")


def batch_script(
    run_path: str,
    runner: Sequence[str],
    *,
    submitted_by: Sequence[str],
    modules: Sequence[str] = (),
    prologue: str = "",
) -> str:
    """The text of the script that starts a runner on the first node of its job, and its successors.

    ``runner``: program and arguments. ``submitted_by``: the sbatch command, shown as a comment.
    ``modules``: loaded in order. ``prologue``: a script of the site, sourced.
    """
    lines = [
        "#!/bin/bash",
        f"# Run {quoted(os.path.basename(run_path))}; its variables are those of who submitted it.",
        f"# {' '.join(quoted(word) for word in submitted_by)}",
        "",
        # A warning of the time limit that comes before there is a runner would end this shell.
        "trap '' USR1",
        "stop() {",
        '  echo "runyard: $(uname -n): $1" >&2',
        f"  exit {NO_RUNNER}",
        "}",
        # This shell itself has another one, see submitting: what ends the run must not end it.
        f"export {_MARK}={quoted(run_path)}",
        *([_MODULES.rstrip("\n")] if modules else []),
        *(_checked(f"module load {quoted(name)}", f"module load {name}") for name in modules),
        *([_checked(f". {quoted(prologue)}", f"the prologue {prologue}")] if prologue else []),
        *_visible(run_path, runner),
        _FOLLOWED.format(command=" ".join(quoted(word) for word in runner), count=_RUNNERS),
    ]
    return "\n".join(lines)


def _checked(command: str, what: str) -> str:
    return f"{command} || stop {quoted(f'{what} failed')}"


def _visible(run_path: str, runner: Sequence[str]) -> list[str]:
    """Look at what the runner needs, to say in plain words what is missing."""
    advice = "put it on a file system that all nodes see"
    checks = [("-d", run_path, "the run directory")]
    if os.path.isabs(runner[0]):
        checks.append(("-x", runner[0], "the Python of runyard"))
    programs = [word for word in runner[1:] if word.endswith(".py")][:1]
    checks += [("-r", word, "runyard itself") for word in programs]
    return [
        f"[ {flag} {quoted(path)} ] || "
        f"stop {quoted(f'{path} ({what}) is not seen on this node: {advice}')}"
        for flag, path, what in checks
    ]
