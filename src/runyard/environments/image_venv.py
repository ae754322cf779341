"""The virtual environment that is made inside a container of the base image."""

from __future__ import annotations

import os
import re

from runyard.environments.build_failure import BuildFailure
from runyard.environments.image_container import FOLDER as TOOLS
from runyard.environments.image_container import NO_SHELL, signal_or_code
from runyard.environments.image_mounts import LAYER
from runyard.environments.image_python import requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runyard.environments.uv_program import Ended

FOLDER = f"{LAYER}/environment"
PYTHON = f"{FOLDER}/bin/python"

OS_RELEASE = "os-release"
"""The file in the folder for temporary files that gets the image's own of that name."""

_NO_UV, _NO_PYTHON = 91, 90
_SYSTEM = f'cat /etc/os-release >"$TMPDIR/{OS_RELEASE}" 2>/dev/null || true'
# Arguments: the Pythons that will do, the best first; none for any. First the image's own.
_PROGRAM = f"""
set -f
environment={FOLDER}
make() {{ "$uv" venv --quiet --no-project --clear "$@" "$environment"; }}
done_() {{
    while IFS='= ' read -r name value; do
        [ "$name" = home ] && echo "  $("$environment/bin/python" --version 2>&1) ($value)"
    done <"$environment/pyvenv.cfg"
    exit 0
}}
{_SYSTEM}
"$uv" --version >/dev/null || exit {_NO_UV}
if [ $# = 0 ]; then
    make --no-managed-python 2>/dev/null && done_
    echo "The image has no Python of its own: uv fetches one"
    make --managed-python && done_
fi
for python in "$@"; do
    make --no-managed-python --python "$python" 2>/dev/null && done_
done
if [ $# != 0 ]; then
    echo "The image has no Python $1 of its own: uv fetches one"
    for python in "$@"; do
        make --managed-python --python "$python" && done_
    done
fi
"$uv" python list --only-installed --no-managed-python 2>&1 |
    while read -r line; do echo "in the image: $line"; done
exit {_NO_PYTHON}
"""


def command(asked: str | None, *, there: bool = False) -> list[str]:
    """The arguments after uv's path, for a shell in the container, that make the environment.

    ``there``: it is there already, and only the system is asked for.
    """
    if there:
        return ["-c", _SYSTEM, "sh"]
    return ["-c", f"uv={TOOLS}/uv\n{_PROGRAM}", "sh", *requests(asked)]


def failure(ended: Ended, asked: str | None, image: str) -> BuildFailure:
    """Why there is no environment."""
    lines = [line.strip() for line in ended.output.splitlines() if line.strip()]
    if ended.exit_code == _NO_PYTHON:
        return _no_python(lines, asked, image)
    if ended.exit_code == _NO_UV:
        return BuildFailure(
            "interpreter",
            f"uv does not start in the image {image}: {lines[-1] if lines else 'no message'}",
            hint="An image with another C library (Alpine) needs the uv made for that: give its "
            "path with RUNYARD_UV; or use the image's own packages: "
            "python.user_managed_dependencies = True",
        )
    if ended.exit_code in NO_SHELL:
        return BuildFailure(
            "interpreter",
            f"The image {image} cannot start /bin/sh: {lines[-1] if lines else 'no message'}",
            hint="Packages can only be installed in an image with a shell; use another base image",
        )
    from runyard.environments import failures

    return failures.of_output(ended.output, signal_or_code(ended.exit_code), (), FOLDER)


def version_of(folder: str) -> str:
    """The full version of the Python of the environment, as uv has written it there."""
    with open(os.path.join(folder, "pyvenv.cfg"), encoding="utf-8") as file:
        match = re.search(r"^version_info\s*=\s*(\d+\.\d+\.\d+)", file.read(), re.MULTILINE)
    return match[1] if match else ""


def _no_python(lines: list[str], asked: str | None, image: str) -> BuildFailure:
    mark = "in the image: "
    own = [line.removeprefix(mark) for line in lines if line.startswith(mark)]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    versions = ", ".join(filter(None, map(_listed, own))) or "none"
    return BuildFailure(
        "interpreter",
        f"There is no Python {asked or '3.6 or later'} in the image {image}, and uv cannot fetch "
        f"it: {errors[-1] if errors else 'no reason is known'}. In the image: {versions}",
        hint="Ask for a Python of the image (CondaDependencies.set_python_version), or name an "
        "image that has it",
    )


def _listed(line: str) -> str:
    """``cpython-3.11.2-linux-x86_64-gnu  /usr/bin/python3.11`` as ``3.11.2 (/usr/...)``."""
    match = re.match(r"\w+-(\d+\.\d+\.\d+)\S*\s+(/\S+)$", line)
    return f"{match[1]} ({match[2]})" if match else ""
