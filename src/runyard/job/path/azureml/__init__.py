"""What a training script imports as ``azureml``: the tree of the runyard that submitted it."""

import os

import runyard

__path__ = [os.path.join(folder, "azureml") for folder in runyard.__path__]
