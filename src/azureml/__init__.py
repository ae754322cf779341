"""``azureml`` where runyard is installed: its tree, for scripts started by hand.

Subpackages of other ``azureml-*`` distributions stay importable beside it; where both have one,
runyard's is found. Scripts that runyard starts find ``runyard/job/path/azureml`` instead.
"""

import os
from pkgutil import extend_path

import runyard

__path__ = [os.path.join(folder, "azureml") for folder in runyard.__path__] + __path__
__path__ = extend_path(__path__, __name__)
