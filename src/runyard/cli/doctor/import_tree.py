"""The doctor on ``import azureml`` outside runs."""

from __future__ import annotations

from collections.abc import Iterator

from runyard.cli import azureml_choice
from runyard.cli.doctor.finding import Finding, ok


def azureml() -> Iterator[Finding]:
    """Which one a program of this environment imports, and why; in runs it is always ours."""
    yield ok("azureml", f"{azureml_choice.choose().text()} (inside runs it is always runyard's)")
