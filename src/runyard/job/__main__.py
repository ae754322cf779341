"""What a script in any language tells of its run: ``python -m runyard.job metric loss 0.5``."""

import sys

from runyard.job.notebook_parameters import typed
from runyard.job.run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

_USAGE = """usage: python -m runyard.job metric NAME VALUE [STEP]
       python -m runyard.job tag NAME [VALUE]
       python -m runyard.job upload NAME PATH
"""


def main(arguments: "List[str]") -> int:
    """Do what the words say; returns the exit code: 0, or 2 for words that say nothing."""
    action, words = (arguments or [""])[0], arguments[1:]
    run = Run.get_context()
    if action == "metric" and len(words) in (2, 3):
        step = {"step": int(words[2])} if len(words) == 3 else {}
        run.log(words[0], typed(words[1]), **step)
    elif action == "tag" and len(words) in (1, 2):
        run.tag(*words)
    elif action == "upload" and len(words) == 2:
        run.upload_file(*words)
    else:
        sys.stderr.write(_USAGE)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
