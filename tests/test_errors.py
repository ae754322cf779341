"""Exceptions (spec 18): the names, their attributes, and how they print."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runyard import errors

TREE = """
import json, sys
import runyard.azureml
from azureml import exceptions
from azureml.exceptions import *
from azureml.train.hyperdrive.exceptions import HyperDriveConfigException
assert issubclass(AuthenticationException, UserErrorException)
assert issubclass(HyperDriveConfigException, AzureMLException)
for name in exceptions.__all__:
    kind = getattr(exceptions, name)
    assert issubclass(kind, AzureMLException), kind
    assert kind("what").message == "what"
error = UserErrorException("no such run", inner_exception=OSError("gone"), reference_code="x")
print(str(error))
print("%%" + "{}".format(error))
details = {"error": {"code": "UserError", "message": "boom", "log_tail": ["a", "b"]}}
assert "{1}" in str(ActivityFailedException(error_details={"error": {"message": {1}}}))
print("%%" + str(ActivityFailedException(error_details=details)))
"""


def printed(python: str, env: dict[str, str]) -> list[str]:
    done = subprocess.run([python, "-c", TREE], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("%%")


def test_with_azureml_imported_they_print_the_block_of_sdk_v1() -> None:
    block, plain, failed = printed(sys.executable, dict(os.environ))
    head, _, response = block.partition("\tErrorResponse \n")
    assert head == "UserErrorException:\n\tMessage: no such run\n\tInnerException gone\n"
    assert json.loads(response) == {"error": {"code": "UserError", "message": "no such run"}}
    assert plain == "no such run\n"
    assert failed.startswith("ActivityFailedException:\n\tMessage: boom\n\tInnerException None\n")
    told = json.loads(failed.partition("ErrorResponse \n")[2])
    assert told == {"error": {"code": "UserError", "message": "boom"}}


def test_inside_a_run_they_print_their_message(tmp_path: Path) -> None:
    env = dict(os.environ, RUNYARD_RUN_DIRECTORY=str(tmp_path))
    assert printed(sys.executable, env)[0] == "no such run\n"


def test_they_are_the_same_under_python_3_6(tool: Callable[[str], str]) -> None:
    folder = Path(errors.__file__).parent / "job" / "path"
    env = dict(os.environ, PYTHONPATH=str(folder))
    python = tool("python3.6")
    assert printed(python, env) == printed(sys.executable, dict(os.environ))


def test_without_azureml_they_print_their_message() -> None:
    code = "from runyard.errors import UserErrorException as E; print(E('no such run'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "no such run\n"


def test_what_they_carry() -> None:
    inner = ValueError("bad")
    error = errors.WebserviceException("no", 404, inner_exception=inner)
    assert (error.message, error.inner_exception, error.status_code) == ("no", inner, 404)
    error.message = "changed"
    assert f"{error}" == "changed"
    failed = errors.ActivityFailedException("Activity Failed")
    assert (failed.message, failed.error_details) == ("Activity Failed", "Activity Failed")


def test_they_survive_pickle() -> None:
    error = errors.ActivityFailedException({"error": {"message": "boom"}}, message="the whole text")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.message, copy.error_details) == (error.message, error.error_details)


def test_print_stacktrace_shows_where_the_inner_exception_came_from(
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        raise ValueError("inside")
    except ValueError as inner:
        errors.TrainingException("outside", inner).print_stacktrace()
    assert "ValueError: inside" in capsys.readouterr().err
