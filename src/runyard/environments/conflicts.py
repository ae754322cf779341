"""Whether the packages of a built environment fit each other, as uv says."""

from __future__ import annotations

from runyard.environments import uv_program
from runyard.environments.build_failure import BuildFailure

_BEGINNING = "The package `"


def of(python: str) -> list[str]:
    """One sentence for each package whose requirement is not met in the environment of ``python``.

    Empty as well when uv cannot say: this only informs.
    """
    arguments = ["pip", "check", "--offline", "--no-config", "--python", python]
    try:
        ended = uv_program.ask(arguments, uv_program.environment({}))
    except (OSError, BuildFailure):
        return []
    if ended.exit_code == 0:
        return []
    lines = [line.strip() for line in ended.output.splitlines()]
    return [line.replace("`", "") for line in lines if line.startswith(_BEGINNING)]
