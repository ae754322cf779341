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
    """The text of the script that starts a runner on the first node of its job.

    ``runner``: program and arguments. ``submitted_by``: the sbatch command, shown as a comment.
    ``modules``: loaded in order. ``prologue``: a script of the site, sourced.
    """
    lines = [
        "#!/bin/bash",
        f"# Run {quoted(os.path.basename(run_path))}; its variables are those of who submitted it.",
        f"# {' '.join(quoted(word) for word in submitted_by)}",
        "",
        # Slurm's warning of the time limit is for the runner: this shell would end of it.
        "trap '' USR1",
        "stop() {",
        '  echo "runyard: $(uname -n): $1" >&2',
        f"  exit {NO_RUNNER}",
        "}",
        *([_MODULES.rstrip("\n")] if modules else []),
        *(_checked(f"module load {quoted(name)}", f"module load {name}") for name in modules),
        *([_checked(f". {quoted(prologue)}", f"the prologue {prologue}")] if prologue else []),
        *_visible(run_path, runner),
        f"exec {' '.join(quoted(word) for word in runner)}",
        "",
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
