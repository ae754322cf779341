"""Which environment variables are secret, told by their names.

Their values go from the submitter to the runner in memory and are written nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

HIDDEN = "***"
"""Stands for the value of a secret wherever a configuration is shown."""

# TOKENIZERS_PARALLELISM is in half of all training scripts and hides nothing.
_SECRET = re.compile(
    r"TOKEN(?!I[ZS])|SECRET|PASSWORD|PASSWD|CREDENTIAL|CONNECTION_?STRING"
    r"|(PRIVATE|API|ACCESS|ACCOUNT)_?KEY|_KEY$|(^|_)SAS(_|$)",
    re.IGNORECASE,
)


def is_secret(name: str) -> bool:
    """Whether a variable of that name holds a secret, whatever the case of its letters."""
    return _SECRET.search(name) is not None


def split(variables: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Part variables into those that may be written down and those that may not."""
    plain = {name: value for name, value in variables.items() if not is_secret(name)}
    secret = {name: value for name, value in variables.items() if is_secret(name)}
    return plain, secret


def masked(variables: Mapping[str, object]) -> dict[str, object]:
    """The variables with ``***`` for every secret value."""
    return {name: HIDDEN if is_secret(str(name)) else value for name, value in variables.items()}
