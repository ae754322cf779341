from __future__ import annotations

import pytest

from runyard.config import secrets


@pytest.mark.parametrize(
    "name",
    [
        "TOKEN",
        "HF_TOKEN",
        "hf_token",
        "AccessToken",
        "CLIENT_SECRET",
        "DB_PASSWORD",
        "MYSQL_PASSWD",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "SSH_PRIVATE_KEY",
        "PrivateKeyPath",
        "API_KEY",
        "apikey",
        "WANDB_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AZURE_STORAGE_CONNECTION_STRING",
        "ConnectionString",
        "BLOB_SAS",
        "SAS_URL",
        "PGPASS",
        "SMTP_PASS",
        "DB_PWD",
    ],
)
def test_secret_names(name: str) -> None:
    assert secrets.is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "PWD",
        "OLDPWD",
        "COMPASS",
        "OMP_NUM_THREADS",
        "KEYBOARD",
        "MONKEY",
        "SASL_MECHANISM",
        "TOKENIZERS_PARALLELISM",
    ],
)
def test_ordinary_names(name: str) -> None:
    assert not secrets.is_secret(name)


def test_split_and_mask() -> None:
    variables = {"LOG_LEVEL": "debug", "HF_TOKEN": "hunter2"}
    assert secrets.split(variables) == ({"LOG_LEVEL": "debug"}, {"HF_TOKEN": "hunter2"})
    assert secrets.masked(variables) == {"LOG_LEVEL": "debug", "HF_TOKEN": "***"}
    assert variables == {"LOG_LEVEL": "debug", "HF_TOKEN": "hunter2"}
