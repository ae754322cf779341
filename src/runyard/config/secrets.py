"""Which environment variables are secret, told by their names.

Their values go from the submitter to the runner in memory and are written nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from runyard.environments.secret_names import HIDDEN, is_secret, masked

__all__ = ["HIDDEN", "is_secret", "masked", "split"]


def split(variables: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Part variables into those that may be written down and those that may not."""
    plain = {name: value for name, value in variables.items() if not is_secret(name)}
    secret = {name: value for name, value in variables.items() if is_secret(name)}
    return plain, secret
