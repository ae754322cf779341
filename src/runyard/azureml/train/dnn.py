"""``azureml.train.dnn``."""

from runyard import _names

_names.offer(__name__, "Chainer", "Gloo", "Mpi", "Nccl", "ParameterServer", "PyTorch", "TensorFlow")
