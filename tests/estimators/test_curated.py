"""A curated environment and an estimator: used as it is, and never changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runyard.environments import Environment
from runyard.errors import UserErrorException
from runyard.estimators.estimator import Estimator


def test_an_estimator_uses_it_as_it_is(tmp_path: Path) -> None:
    given = Environment.get(None, "AzureML-Minimal")
    before = repr(given)
    estimator = Estimator(
        tmp_path, entry_script="a.py", compute_target="local", environment_definition=given
    )
    assert estimator.run_config.environment is given
    assert repr(given) == before


def test_packages_are_added_to_a_clone(tmp_path: Path) -> None:
    given = Environment.get(None, "AzureML-Minimal")
    estimator = Estimator(
        tmp_path, entry_script="a.py", compute_target="local", environment_definition=given
    )
    with pytest.raises(UserErrorException, match=re.escape("clone('my-env')")):
        estimator.conda_dependencies.add_pip_package("numpy")
