"""Which environment variables are secret, told by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping

HIDDEN = "***"
"""Stands for the value of a secret wherever a configuration is shown."""

REGISTRY_PASSWORD = "RUNYARD_REGISTRY_PASSWORD"
"""Variable of the runner with the password of an image registry; the script does not get it."""

# TOKENIZERS_PARALLELISM is in half of all training scripts and hides nothing.
_SECRET = re.compile(
    r"TOKEN(?!I[ZS])|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|CONNECTION_?STRING"
    r"|(PRIVATE|API|ACCESS|ACCOUNT)_?KEY|_KEY$|(^|_)SAS(_|$)"
    r"|(^|_|PG)PASS$|_PWD$",
    re.IGNORECASE,
)


def is_secret(name: str) -> bool:
    """Whether a variable of that name holds a secret, whatever the case of its letters."""
    return _SECRET.search(name) is not None


def masked(variables: Mapping[str, object]) -> dict[str, object]:
    """The variables with ``***`` for every secret value."""
    return {name: HIDDEN if is_secret(str(name)) else value for name, value in variables.items()}
