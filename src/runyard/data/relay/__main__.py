"""Program entry of the keeper: makes the package importable, then keeps a run."""

import os
import sys

if __name__ == "__main__":
    # Of the folder with this file, whose modules have no package there.
    sys.path[0] = os.path.abspath(__file__).rsplit(os.sep, 4)[0]

    from runyard.data.relay.keeper import main

    sys.exit(main(sys.argv[1:]))
