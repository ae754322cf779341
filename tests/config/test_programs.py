from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runyard.config import programs
from runyard.environments.spec import EnvironmentSpec, ImageSpec
from runyard.errors import ExperimentExecutionException

NOWHERE = {"PATH": "/nowhere"}


def environment(**changes: Any) -> EnvironmentSpec:
    given = {"name": "e", "kind": "venv", "python": None, "python_version": "3.11.0"}
    return EnvironmentSpec(**{**given, "interpreter": "/opt/py/bin/python", **changes})


def refused(*interpreter: str, **changes: Any) -> str:
    with pytest.raises(ExperimentExecutionException) as caught:
        programs.check("train.R", interpreter, environment(**changes), NOWHERE)
    return str(caught.value)


def test_a_missing_rscript_is_said_with_what_to_install() -> None:
    assert refused("Rscript") == (
        "script='train.R' is run by Rscript, which is not on this machine; on Debian and Ubuntu: "
        "apt install r-base-core; or let the environment bring it with conda_packages=['r-base'], "
        "or use an image that has it"
    )
    assert refused("Rscript", requirements=("numpy",))
    assert refused("Rscript", kind="conda", conda_packages=("python=3.8", "numpy"))


@pytest.mark.parametrize(
    "interpreter",
    [
        ("/usr/bin/env", "julia"),
        ("/usr/bin/env", "-S julia -t 4"),
        ("/usr/bin/env", "A=1 julia"),
        ("julia",),
    ],
)
def test_other_programs_are_found_behind_env(interpreter: tuple[str, ...]) -> None:
    assert refused(*interpreter) == (
        "script='train.R' is run by julia, which is not on this machine; install julia, or use an "
        "environment or an image that has it"
    )


def test_a_program_named_by_its_path() -> None:
    assert "is run by /opt/none/bin/julia" in refused("/opt/none/bin/julia")


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "conda", "conda_packages": ("python=3.8", "r-base=4.2")},
        {"image": ImageSpec(name="r-base")},
    ],
)
def test_what_an_environment_may_bring_is_not_asked_for(changes: dict[str, Any]) -> None:
    programs.check("train.R", ("Rscript",), environment(**changes), NOWHERE)


def test_the_folder_of_the_users_own_python_counts(tmp_path: Path) -> None:
    (tmp_path / "Rscript").touch(mode=0o755)
    own = environment(kind="user_managed", interpreter=str(tmp_path / "python"))
    programs.check("train.R", ("Rscript",), own, NOWHERE)
    programs.check("train.R", (), environment(), NOWHERE)
