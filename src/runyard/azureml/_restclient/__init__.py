"""``azureml._restclient``: private to SDK v1, for the one module whose constant code changes."""

import sys

from runyard import _tree

__path__ = _tree.search_path("_restclient", __path__[0], sys.modules["azureml"].__path__)
