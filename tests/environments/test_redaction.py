"""No password of an address is ever shown."""

import pytest

from runyard.environments.redaction import (
    has_credentials,
    host_of,
    redact,
    secrets_in,
    without_credentials,
)


@pytest.mark.parametrize(
    ("text", "hidden", "removed"),
    [
        ("https://me:pass-word@host/x", "https://***@host/x", "https://host/x"),
        (
            "at https://token-1@host:8/x, and",
            "at https://***@host:8/x, and",
            "at https://host:8/x, and",
        ),
        ("git+https://t:x@host/r.git", "git+https://***@host/r.git", "git+https://host/r.git"),
        ("https://me:p@ss@host/x", "https://***@host/x", "https://host/x"),
        ("https://host/a@b", "https://host/a@b", "https://host/a@b"),
        ("git+ssh://git@host/r", "git+ssh://git@host/r", "git+ssh://git@host/r"),
        ("https://${U}:${P}@host", "https://${U}:${P}@host", "https://${U}:${P}@host"),
        ("me@example.org", "me@example.org", "me@example.org"),
    ],
)
def test_addresses(text: str, hidden: str, removed: str) -> None:
    assert redact(text) == hidden
    assert without_credentials(text) == removed
    assert has_credentials(text) == (text != removed)


def test_secrets_are_found_as_written_and_decoded() -> None:
    addresses = ["https://me:pass%21word@h/", "https://token-1@h/", "https://h/", "/folder"]
    assert secrets_in(addresses) == {"pass%21word", "pass!word", "token-1"}


def test_secrets_are_hidden_wherever_they_stand() -> None:
    secrets = secrets_in(["https://me:pass-word@h/", "https://h:pass-word-2@h/"])
    assert redact("header pass-word-2 and pass-word.", secrets) == "header *** and ***."


def test_a_short_password_hides_no_words() -> None:
    secrets = secrets_in(["https://me:abc@h/"])
    assert redact("abc https://me:abc@h/", secrets) == "abc https://***@h/"


@pytest.mark.parametrize(
    ("url", "host"),
    [("https://me:p@host:8/simple", "host:8"), ("file:///opt/x", "file:///opt/x"), ("/a", "/a")],
)
def test_hosts(url: str, host: str) -> None:
    assert host_of(url) == host
