"""The import tree ``azureml.*`` of SDK v1, over the names of runyard.

``import runyard.azureml`` makes ``azureml`` importable in this process from then on. Scripts that
runyard starts have it already (``job/path``). The modules here say what they offer;
``runyard._names`` knows where that lives.
"""

from runyard import _tree

_tree.make_importable()
