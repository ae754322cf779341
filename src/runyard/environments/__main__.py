"""``python -m runyard.environments build SPEC.json RESULT.json``: build one environment.

Exit code 0 when it is ready, 1 when it is not (RESULT.json says why), 2 for a wrong call.
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from runyard.environments.spec import EnvironmentSpec

USAGE = "usage: python -m runyard.environments build SPEC.json RESULT.json"


def main(arguments: list[str]) -> int:
    """Build what SPEC.json says and write RESULT.json; returns the exit code."""
    if len(arguments) != 3 or arguments[0] != "build":
        print(USAGE, file=sys.stderr)
        return 2
    from runyard.environments.build import build
    from runyard.environments.cache import write_json

    result = build(_read(arguments[1]))
    write_json(arguments[2], result)
    return 0 if result["ok"] else 1


def _read(path: str) -> EnvironmentSpec:
    """Read a spec that a runner wrote; the class itself would cost 15 ms of msgspec."""
    with open(path, encoding="utf-8") as file:
        spec: Any = SimpleNamespace(**json.load(file))
    return spec  # type: ignore[no-any-return]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
