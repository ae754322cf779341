"""Authentication classes and telemetry: taken, not used, and nothing of a secret is kept."""

import logging
import os
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runyard.azureml.core import authentication
from runyard.azureml.telemetry import activity, get_telemetry_log_handler, logging_handler
from runyard.errors import AuthenticationException, UserErrorException
from runyard.history.workspace import Workspace
from tests.job.conftest import JOB_PATH

PASSWORD = "hunter2-of-the-principal"
ALL: dict[str, dict[str, Any]] = {
    "InteractiveLoginAuthentication": {"tenant_id": "t", "force": True},
    "AzureCliAuthentication": {},
    "ServicePrincipalAuthentication": {
        "tenant_id": "t",
        "service_principal_id": "i",
        "service_principal_password": PASSWORD,
    },
    "MsiAuthentication": {"identity_config": {"client_id": PASSWORD}},
    "TokenAuthentication": {"get_token_for_audience": lambda audience: PASSWORD},
    "ArmTokenAuthentication": {"arm_access_token": PASSWORD},
    "AzureMLTokenAuthentication": {},
    "AbstractAuthentication": {},
}


@pytest.mark.parametrize("name", ALL)
def test_they_are_taken_and_keep_nothing(name: str) -> None:
    made = getattr(authentication, name)(**ALL[name])
    assert vars(made) == {}
    assert PASSWORD.encode() not in pickle.dumps(made)
    assert repr(made) == f"{name}()"
    with pytest.raises(AuthenticationException, match=f"{name} has no token: runyard signs in"):
        made.get_authentication_header()


def test_there_are_no_others() -> None:
    assert set(authentication.__all__) == set(ALL)
    assert issubclass(AuthenticationException, UserErrorException)


CODE = """
from azureml.core.authentication import *
MsiAuthentication(); ServicePrincipalAuthentication("t", "i", "hunter2"); AzureCliAuthentication()
import azureml.telemetry
azureml.telemetry.set_diagnostics_collection(send_diagnostics=True)
"""


@pytest.mark.parametrize("version", ["python3.6", "python3.13"])
def test_one_notice_at_most(version: str, tool: Callable[[str], str]) -> None:
    env = dict(os.environ, PYTHONPATH=str(JOB_PATH))
    done = subprocess.run([tool(version), "-c", CODE], env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (
        "runyard: MsiAuthentication is not used: workspaces are folders, and nobody signs in\n"
    )


def test_workspaces_take_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    auth = authentication.ServicePrincipalAuthentication("t", "i", PASSWORD)
    made = Workspace.create("mine", auth=auth, subscription_id="s", resource_group="g")
    assert Workspace.get("mine", auth=auth).id == made.id
    assert Workspace("s", "g", "mine", auth=auth).id == made.id
    assert Workspace.from_config(auth=auth).id == made.id
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes()


def test_telemetry_goes_nowhere(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logging.getLogger("runyard.tests.telemetry")
    logger.addHandler(get_telemetry_log_handler(component_name="c", path="p"))
    logger.addHandler(logging_handler.AppInsightsLoggingHandler("key", logger))
    adapter = activity.ActivityLoggerAdapter(logger, {"app_name": "a"})
    kind = activity.ActivityType.PUBLICAPI
    with activity.log_activity(adapter, "name", kind, {"x": 1}) as inner:
        assert inner is adapter
    adapter.warning("said %s", "plainly")
    assert caplog.messages == ["said plainly"]
    with pytest.raises(ValueError, match="inside"), activity.log_activity(logger, "name"):
        raise ValueError("inside")
    assert capsys.readouterr().out == ""
