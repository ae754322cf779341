"""The parts of an Environment (spec 6), with protection against misspelt attributes."""

from __future__ import annotations

import difflib
import logging
from typing import Any

from runyard.environments.conda_dependencies import CondaDependencies

_log = logging.getLogger(__name__)


class Section:
    """Base of everything a user configures by setting attributes.

    Setting a name that the class does not have raises AttributeError (spec 5): a misspelt
    setting that is silently ignored costs a whole run.
    """

    _names: tuple[str, ...] = ()

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._names:
            raise AttributeError(self._unknown(name))
        super().__setattr__(name, value)

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(self._names)}"
        return f"{type(self).__name__} has no attribute {name!r}; {hint}"


class PythonSection(Section):
    """How the Python of an environment comes to be.

    ``user_managed_dependencies`` (bool, False): use ``interpreter_path`` as it is and install
    nothing. ``interpreter_path`` (str, 'python'): a name on PATH or a path; the default means
    the interpreter that submits. ``conda_dependencies`` (CondaDependencies): what to install.
    ``conda_backend`` (None): 'pip' installs conda packages by their names on the package index,
    'conda' from their channels; None: as the variable RUNYARD_CONDA_BACKEND says, else 'conda'.
    """

    _names = (
        "user_managed_dependencies",
        "interpreter_path",
        "conda_dependencies",
        "conda_backend",
    )

    def __init__(self) -> None:
        self.user_managed_dependencies = False
        self.interpreter_path = "python"
        self.conda_dependencies = CondaDependencies()
        self.conda_backend: str | None = None


class DockerSection(Section):
    """The container of an environment.

    ``base_image``, ``base_dockerfile``, ``build_context`` (None): three ways to name the image;
    setting one clears the others with a warning. ``enabled`` (False), ``shared_volumes`` (True),
    ``arguments`` ([]), ``shm_size`` ('2g') and ``gpu_support`` (True) are kept for code written
    for SDK v1. The default image of the original is not ours: None means no image was asked for.
    """

    _images = ("base_image", "base_dockerfile", "build_context")
    _names = (*_images, "enabled", "shared_volumes", "arguments", "shm_size", "gpu_support")

    base_image: str | None
    base_dockerfile: Any
    build_context: Any

    def __init__(self) -> None:
        # Not by setting: that would clear the other two, which are not there yet.
        self.__dict__.update(dict.fromkeys(self._images))
        self.enabled = False
        self.shared_volumes = True
        self.arguments: list[str] = []
        self.shm_size = "2g"
        self.gpu_support = True

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in self._images and value is not None:
            self._clear_others(name)

    def images(self) -> dict[str, Any]:
        """Return the image settings that are set: at most one."""
        return {name: self.__dict__[name] for name in self._images if self.__dict__[name]}

    def _clear_others(self, name: str) -> None:
        for other in self._images:
            if other != name and self.__dict__[other] is not None:
                _log.warning("docker.%s is cleared: docker.%s was set after it", other, name)
                self.__dict__[other] = None
