"""What a training script imports as ``azureml``: the tree of the runyard that submitted it."""

from runyard import _tree

__path__ = [*_tree.search_path("azureml", _tree.TREE), _tree.LAST_RESORT]
