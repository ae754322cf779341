"""A curated environment and an estimator: used as it is, and never changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runyard.environments import Environment, curated
from runyard.errors import UserErrorException
from runyard.estimators import framework_data
from runyard.estimators.estimator import Estimator

_OF_A_FRAMEWORK = re.compile(r"AzureML-(Chainer|PyTorch|TensorFlow)-(.+)-(CPU|GPU)")


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


def test_those_of_a_framework_have_the_packages_that_were_tried_with_it() -> None:
    found = [match for name in curated.names() if (match := _OF_A_FRAMEWORK.fullmatch(name))]
    assert len(found) > 15
    for match in found:
        dependencies = Environment.get(None, match[0]).python.conda_dependencies
        version = framework_data.find(match[1]).versions[match[2]]
        assert dependencies.get_python_version() == version.default_python
        assert dependencies.pip_lines == version.requirements(gpu=match[3] == "GPU"), match[0]
