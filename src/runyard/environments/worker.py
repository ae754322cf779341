"""How the build worker is started: by path and without site-packages, which halves its start."""

from __future__ import annotations

import os
import sys

_PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py")


def command(spec_path: str, result_path: str) -> list[str]:
    """The argv that builds what SPEC.json says and writes RESULT.json.

    Its standard output is the build log. The interpreter's own variables and site-packages are
    left out (``-I -S``): the worker adds the latter where it has to, which is rare.
    """
    return [sys.executable, "-I", "-S", _PROGRAM, "build", spec_path, result_path]
