"""``azureml`` where ``runyard azureml enable``, or ``import runyard.azureml``, asked for it."""

from runyard import _tree

__path__ = [*_tree.search_path("azureml", _tree.TREE), _tree.LAST_RESORT]
