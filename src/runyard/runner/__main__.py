"""Program entry: makes the package importable without site-packages, then runs."""

import gc
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

if __name__ == "__main__":
    # Nothing is garbage before the script starts; looking for it every 700 objects takes 1.3 ms.
    gc.set_threshold(50_000)
    if sys.argv[1:2] == ["far"]:
        from runyard.runner.far import main

        sys.exit(main(sys.argv[1:]))
    from runyard.runner.main import main

    # All is written. What an interpreter does at its end takes 6 ms of a processor, which the next
    # run of a pool begins on.
    os._exit(main(sys.argv[1:]))
