"""``azureml.train``; what only another distribution has in it is found beside ours."""

import sys

from runyard import _tree

__path__ = _tree.search_path("train", __path__[0], sys.modules["azureml"].__path__)
