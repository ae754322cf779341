"""Where the credentials of datastores come from, and where they go."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runyard.data import credentials
from runyard.data.datastore import Datastore
from runyard.data.stores import connecting, failures
from runyard.data.stores.opening import open_store
from runyard.errors import UserErrorException
from runyard.job.keyvault import Keyvault
from tests.faulty_proxy import before
from tests.file_server import served
from tests.s3_server import KEY, S3, SECRET

_SECRETS = """
access_key_id key secret secret_access_key session_token token account_key sas_token sas_key
client_secret password passwd bearer_token service_account_key connection_string passphrase
encryption_key sse_customer_key_base64 credential AWS_SECRET_ACCESS_KEY aws_access_key_id accountKey
sasToken apikey authorization
"""
_PLAIN = """
endpoint region anon client_id tenant_id account_name key_filename service_account_path
web_identity_token_file sse_kms_key_id sse_bucket_key_enabled retries timeout host port username
project token_url
"""


@pytest.mark.parametrize("name", re.findall(r"\w+", _SECRETS))
def test_what_is_kept_as_a_secret(name: str) -> None:
    assert credentials.is_secret(name)


@pytest.mark.parametrize("name", re.findall(r"\w+", _PLAIN))
def test_what_is_no_secret(name: str) -> None:
    assert not credentials.is_secret(name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"connect_kwargs": {"password": SECRET}}, "connect_kwargs has 'password' in it, which"),
        ({"a": [{"b": {"accountKey": SECRET}}]}, "option a has 'accountKey' in it"),
        ({"proxy_url": f"http://u:{SECRET}@host"}, "option proxy_url is a URL with a password or"),
        ({"endpoint": f"https://host/?sv=1&sig={SECRET}"}, "endpoint is a URL with a password or"),
        ({"weird": object()}, "weird is of type object, which cannot be written down; give text"),
    ],
)
def test_no_secret_hides_in_a_plain_option(options: Any, message: str) -> None:
    with pytest.raises(UserErrorException, match=message) as raised:
        credentials.split("memory://x", options)
    assert SECRET not in str(raised.value)


def test_plain_options_are_kept_as_they_are() -> None:
    options = {"retries": 3, "anon": True, "paths": [Path("/a")], "none": None, "deep": {"x": 1.5}}
    assert credentials.split("memory://x", options) == (
        "memory://x",
        {"retries": 3, "anon": True, "paths": ["/a"], "none": None, "deep": {"x": 1.5}},
        {},
    )


def test_no_form_of_a_secret_is_shown() -> None:
    sas = "?sv=2021&sp=r&sig=a%2Fb%3D"
    text = "GET https://host/c?sv=2021&sp=r&sig=a%2Fb%3D (sig a/b=) key p/w+ as p%2Fw%2B"
    assert failures.masked(text, {"sas_token": sas, "key": "p/w+", "empty": ""}) == (
        "GET https://host/c*** (sig ***) key *** as ***"
    )


def test_files_of_aws_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "credentials"
    file.write_text(f"aws_secret_access_key = {SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(UserErrorException, match=r"credentials, line 1 cannot be read") as raised:
        open_store("s3://bucket", {})
    assert SECRET not in str(raised.value)
    file.write_text("")
    with pytest.raises(UserErrorException, match="no profile 'x' in the files of aws"):
        open_store("s3://bucket", {"profile": "x"})


def test_the_files_of_aws_count_where_nothing_else_is_said(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n[profile other]\n")
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = FROMFILE\naws_secret_access_key = x\n"
        "[other]\naws_access_key_id = OTHER\naws_secret_access_key = y\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    bucket = s3.bucket(a="A")
    with before(s3.address) as proxy:
        plain = {"endpoint": proxy.address}

        def key_of(secrets: dict[str, str] | None = None, **options: str) -> str:
            found = open_store(bucket, {**plain, **options}, secrets)
            assert [entry.path for entry in found.entries()] == ["a.txt"]
            return proxy.signed[-1]

        assert key_of() == "FROMFILE/eu-west-1"
        assert key_of(profile="other") == "OTHER/us-east-1"
        monkeypatch.setenv("AWS_PROFILE", "other")
        assert key_of() == "OTHER/us-east-1"
        assert key_of(s3.secrets, region="us-west-2") == f"{KEY}/us-west-2"
        monkeypatch.delenv("AWS_PROFILE")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "FROMENV")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "z")
        assert key_of() == "FROMENV/eu-west-1"
        assert key_of(s3.secrets) == f"{KEY}/us-east-1"


def test_secrets_of_datastores_are_not_among_those_of_scripts(workspace: Any, s3: S3) -> None:
    vault = Keyvault(workspace)
    vault.set_secret("mine", "x")
    Datastore.register(workspace, "cloud", s3.bucket(), **s3.options)
    assert vault.list_secrets() == ["mine"]
    assert credentials.read(workspace.directory, "cloud") == s3.secrets
    Datastore.register(workspace, "cloud", "s3://other", overwrite=True)
    assert credentials.read(workspace.directory, "cloud") == {}
    Datastore.get(workspace, "cloud").unregister()
    assert vault.get_secret("mine") == "x"


_IN_ANOTHER_PROCESS = """
import sys
from runyard import Workspace
from runyard.data.datastore import Datastore
print(Datastore(Workspace.at(sys.argv[1]), "cloud").download(sys.argv[2], show_progress=False))
"""


def test_another_process_finds_them(workspace: Any, s3: S3, tmp_path: Path) -> None:
    Datastore.register(workspace, "cloud", s3.bucket(a="A"), **s3.options)
    done = subprocess.run(
        [sys.executable, "-c", _IN_ANOTHER_PROCESS, workspace.path, str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"
    assert (tmp_path / "out/a.txt").read_text() == "A"


def test_nothing_of_a_secret_is_in_an_error_of_obstore() -> None:
    with pytest.raises(Exception, match="cannot be opened") as caught:
        connecting.connected("s3://b", {"sse_customer_algorithm_x": 1}, {"secret": SECRET})
    assert SECRET not in str(caught.value)


def test_a_registration_names_its_secrets_only(workspace: Any, s3: S3) -> None:
    Datastore.register(workspace, "cloud", s3.bucket(), **s3.options)
    found = json.loads(Path(workspace.path, "datastores/cloud.json").read_text())
    assert found["secrets"] == ["access_key_id", "secret_access_key"]
    assert found["options"] == s3.plain


def test_no_credentials_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with served(tmp_path) as address:
        options = {"endpoint": address, "metadata_endpoint": address, "retries": 0}
        store = open_store("s3://bucket", options)
        with pytest.raises(UserErrorException, match="listing 's3://bucket': there are no crede"):
            list(store.entries())
