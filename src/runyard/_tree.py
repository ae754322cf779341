"""Where ``azureml`` leads when it is ours, in whichever of the four ways it was asked for.

In runs and below ``runyard exec`` the folder ``job/path`` is first on ``PYTHONPATH``; ``runyard
azureml enable`` puts ``job/azureml_path`` on the path of an environment; ``import runyard.azureml``
makes the package by hand. Standard library only, Python 3.6 and later: scripts import this.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Iterable, List, Optional

_HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.join(_HERE, "azureml")
"""The folder of the import tree."""
LAST_RESORT = os.path.join(TREE, "_not_here")
"""Modules that say what is not part of runyard, for names that no installed package has."""
ENABLED_PATH = os.path.join(_HERE, "job", "azureml_path")
"""A folder with ``azureml`` and nothing else in it, for the path of an environment."""
SCRIPT_PATH = os.path.join(_HERE, "job", "path")
"""A folder with ``azureml`` and ``runyard``, for interpreters that have neither."""


def search_path(package: str, own: str, places: "Optional[Iterable[str]]" = None) -> "List[str]":
    """The ``__path__`` of a package of the tree: ``own``, then folders of other distributions.

    ``places``: folders whose subfolder ``package`` counts, ``sys.path`` by default. So what only
    another ``azureml-*`` distribution has is found beside ours, and what both have is ours: as
    pkgutil.extend_path does it, which scripts need not import for that.
    """
    found = [own]
    for place in sys.path if places is None else places:
        folder = os.path.join(place or os.curdir, package)
        if os.path.isdir(folder) and folder not in found and not _is_shim(folder):
            found.append(folder)
    return found


def _is_shim(folder: str) -> bool:
    return os.path.dirname(folder) in (SCRIPT_PATH, ENABLED_PATH, _HERE)


def is_ours(module: "Any") -> bool:
    """Whether an imported ``azureml`` is this tree."""
    return TREE in list(getattr(module, "__path__", ()))


def make_importable() -> "ModuleType":
    """``azureml`` in this process, from now on. Raises ImportError where another is in use."""
    present = sys.modules.get("azureml")
    if present is not None:
        if not is_ours(present):
            raise ImportError(_in_use(present))
        return present
    from importlib.util import module_from_spec, spec_from_file_location

    folder = os.path.join(ENABLED_PATH, "azureml")
    spec = spec_from_file_location(
        "azureml", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["azureml"] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _in_use(present: "Any") -> str:
    place = getattr(present, "__file__", None) or ", ".join(getattr(present, "__path__", ()))
    return (
        "another azureml is in use in this process ({}): import runyard.azureml before anything "
        "imports azureml, or start the program with: runyard exec -- COMMAND".format(place)
    )
