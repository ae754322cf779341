"""Program entry: makes the package importable without site-packages, then runs."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from runyard.runner.main import main

if __name__ == "__main__":
    if sys.argv[1:2] == ["far"]:
        from runyard.runner.far import main
    sys.exit(main(sys.argv[1:]))
