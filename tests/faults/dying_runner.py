"""A runner that is killed on its way: started in the place of ``runner/__main__.py``."""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main() -> int:
    """Run the run of the command line, as far as it comes."""
    sys.path[:0] = [os.path.join(ROOT, "src"), ROOT]
    from tests.faults import kill_points

    counter = kill_points.of_environment()
    counter.install()
    from runyard.runner.main import main

    code = main(sys.argv[1:])
    counter.remove()
    counter.report()
    return code


if __name__ == "__main__":
    sys.exit(main())
