import pytest

from tests.cli.fixtures import ended_runs, history, invoke, project

__all__ = ["ended_runs", "history", "invoke", "project"]


@pytest.fixture(autouse=True)
def without_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans ask the package index; here there is only what a test provides."""
    monkeypatch.setenv("UV_OFFLINE", "1")
