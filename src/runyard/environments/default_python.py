"""The Python of environments that name none: the one that submits, or ``default_python``."""

from __future__ import annotations

import os
import re

from runyard import settings
from runyard.environments import interpreters, probes
from runyard.environments.interpreters import Interpreter
from runyard.errors import UserErrorException
from runyard.settings import Setting

_SETTING = "default_python"
_VERSION = re.compile(r"3(?:\.\d+){1,2}")


def interpreter() -> Interpreter:
    """The interpreter of this machine for an environment without a version.

    Raises UserErrorException, naming what sets it, for a setting that is no version and no
    path, and for a Python that is not there or does not start.
    """
    found = settings.get(_SETTING)
    if found is None:
        return interpreters.running()
    if not _VERSION.fullmatch(found.value.strip()):
        return _at(found)
    try:
        return interpreters.find(found.value.strip())
    except UserErrorException as error:
        raise UserErrorException(f"{found.where}: {error.message}", error) from error


def version() -> str:
    """The version for what brings its own Python, such as '3.6' or '3.6.15'.

    Raises UserErrorException as ``interpreter`` does, for a path only.
    """
    found = settings.get(_SETTING)
    text = found.value.strip() if found else ""
    if _VERSION.fullmatch(text):
        return text
    return "{}.{}".format(*interpreter().numbers)


def _at(found: Setting) -> Interpreter:
    path = os.path.expanduser(found.value.strip())
    if not os.path.isabs(path):
        raise _refused(found, "that is no version and no absolute path")
    if not os.path.isfile(path):
        raise _refused(found, "there is no such file")
    # The link of a virtual environment stands for the Python that it was made with.
    path = os.path.realpath(path)
    store = probes.Store()
    known = store.interpreter(path)
    store.save()
    if known is None:
        raise _refused(found, f"it does not start: {probes.start(path)}")
    if known.numbers < interpreters.OLDEST:
        raise _refused(found, f"it is Python {known.version}")
    return known


def _refused(found: Setting, why: str) -> UserErrorException:
    return UserErrorException(
        f"{found.where} is {found.value!r}: {why}; give a version such as '3.6', or the absolute "
        "path of a Python 3.6 or later ('runyard doctor' lists those of this machine)"
    )
