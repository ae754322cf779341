"""``python -m runyard.environments build SPEC.json RESULT.json``: build one environment.

Exit code 0 when it is ready, 1 when it is not (RESULT.json says why), 2 for a wrong call.
"""

from __future__ import annotations

import sys
from pathlib import Path

USAGE = "usage: python -m runyard.environments build SPEC.json RESULT.json"


def main(arguments: list[str]) -> int:
    """Build what SPEC.json says and write RESULT.json; returns the exit code."""
    if len(arguments) != 3 or arguments[0] != "build":
        print(USAGE, file=sys.stderr)
        return 2
    import msgspec

    from runyard.environments.build import build
    from runyard.environments.cache import write_json
    from runyard.environments.spec import EnvironmentSpec

    spec = msgspec.json.decode(Path(arguments[1]).read_bytes(), type=EnvironmentSpec)
    result = build(spec)
    write_json(arguments[2], result)
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
