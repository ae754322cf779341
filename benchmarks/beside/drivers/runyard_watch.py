"""runyard: ``wait_for_completion(show_output=True)`` of a run, whose id is the argument."""

import sys

from runyard import Run, Workspace

if __name__ == "__main__":
    Run.get(Workspace.get("bench"), sys.argv[1]).wait_for_completion(show_output=True)
