"""pandas and pyarrow, imported when they are needed."""

import os

from runyard.errors import UserErrorException
from runyard.job import context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def pandas() -> "Any":
    """The module. Raises UserErrorException that says how to install it."""
    try:
        import pandas as pd
    except ImportError as error:
        raise _missing("pandas", "rows are read with pandas", error)
    return pd


def pyarrow() -> "Any":
    """The module, or None."""
    try:
        import pyarrow
    except ImportError:
        return None
    return pyarrow


def needed_pyarrow() -> "Any":
    """The module. Raises UserErrorException that says how to install it."""
    found = pyarrow()
    if found is None:
        raise _missing("pyarrow", "parquet files are read and written with pyarrow", None)
    return found


def _missing(name: str, why: str, error: "Any") -> UserErrorException:
    if os.environ.get(context.RUN_DIRECTORY):
        remedy = "add it to the environment of the run: pip_packages=[{!r}]".format(name)
    else:
        remedy = "install it: pip install 'runyard[tabular]'"
    return UserErrorException(
        "{}, and this Python cannot import {}; {}".format(why, name, remedy), error
    )
