"""The data of a run in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ARGUMENT = "$AZUREML_DATAREFERENCE_"


def lines(spec: Mapping[str, Any]) -> list[str]:
    """A line for each data reference of a JobSpec in plain form."""
    return [f"{item['name']}: {_what(item)}" for item in spec.get("data") or ()]


def together(spec: Mapping[str, Any]) -> str:
    """All of them in one line, in one order, without their names, which may be random."""
    return ", ".join(sorted(_what(item) for item in spec.get("data") or ()))


def in_words(words: list[str], spec: Mapping[str, Any]) -> list[str]:
    """Words of a command line with what the data references in them stand for."""
    known = {_ARGUMENT + item["name"]: _place(item) for item in spec.get("data") or ()}
    return [known.get(word, word) for word in words]


def _what(item: Mapping[str, Any]) -> str:
    where = item.get("path_on_compute")
    seen = f" at {where}" if where else ""
    return f"{item['mode']} of {_place(item)}{seen}"


def _place(item: Mapping[str, Any]) -> str:
    return f"{item['datastore']}:{item['path']}" if item["path"] else str(item["datastore"])
