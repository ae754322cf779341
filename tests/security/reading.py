"""All commands that only look, in one process: ``python reading.py WORKSPACE RUN OTHER FOLDER``.

Prints JSON: for each command its exit code, the error that was not an error text, and its output.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

from click.testing import CliRunner

from runyard.cli import program

COMMANDS = (
    ("runs",),
    ("runs", "--json"),
    ("show", "RUN"),
    ("show", "RUN", "--json"),
    ("logs", "RUN"),
    ("logs", "RUN", "-n", "5"),
    ("metrics", "RUN"),
    ("files", "RUN"),
    ("download", "RUN", "-o", "DOWNLOADED", "--overwrite"),
    ("diff", "RUN", "OTHER"),
    ("models",),
    ("datastore", "list"),
    ("dataset", "list"),
    ("compute", "list"),
    ("env", "list"),
    ("secret", "list"),
    ("doctor",),
    ("verify",),
    ("gc",),
    ("export", "RUN", "EXPORTED"),
    ("reindex",),
    ("runs",),
)


def main(workspace: str, run: str, other: str, downloaded: str) -> None:
    """Run them, and print what came of each."""
    warnings.simplefilter("ignore")
    names = {"RUN": run, "OTHER": other, "DOWNLOADED": downloaded, "EXPORTED": f"{downloaded}.tar"}
    said: list[dict[str, Any]] = []
    for words in COMMANDS:
        argv = ["--workspace", workspace, *(names.get(word, word) for word in words)]
        result = CliRunner().invoke(program, argv)
        strange = result.exception is not None and not isinstance(result.exception, SystemExit)
        said.append(
            {
                "words": words,
                "code": result.exit_code,
                "strange": repr(result.exception) if strange else "",
                "out": result.stdout,
                "err": result.stderr,
            }
        )
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
