"""What a training script imports as ``runyard``: leads to the one that submitted it.

Only the folder above this one is on the script's path, so nothing else of the environment that
runyard is installed in becomes visible.
"""

import os

__path__ = [os.path.normpath(os.path.join(os.path.abspath(__file__), "..", "..", "..", ".."))]

from runyard import _names  # noqa: E402
from runyard._version import __version__  # noqa: E402

__all__ = ["__version__"]
_names.offer(__name__, *_names.NAMES, *_names.ERRORS)
