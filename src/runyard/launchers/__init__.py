"""How the processes of a run start on its nodes. Plans only; the runner carries them out."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runyard.launchers.plan import Launcher

_PLACES = {
    "mpi": "runyard.launchers.mpi:MpiLauncher",
    "single": "runyard.launchers.single:SingleLauncher",
    "pytorch": "runyard.launchers.pytorch:PyTorchLauncher",
    "tensorflow": "runyard.launchers.tensorflow:TensorFlowLauncher",
    "parallel": "runyard.launchers.parallel:ParallelLauncher",
}


def load(name: str) -> Launcher:
    """The launcher that a JobSpec names. Raises LookupError listing the known ones.

    By name and on demand: the runner imports only the one it needs before the script starts.
    """
    place = _PLACES.get(name)
    if place is None:
        raise LookupError(f"no launcher named {name!r}; known here: {', '.join(sorted(_PLACES))}")
    module, _, attribute = place.partition(":")
    __import__(module)  # importlib takes half a millisecond
    launcher: Launcher = getattr(sys.modules[module], attribute)()
    return launcher
