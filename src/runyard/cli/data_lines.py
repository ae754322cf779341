"""The data of a run in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runyard.cli import formats

_ARGUMENT = "$AZUREML_DATAREFERENCE_"


def lines(spec: Mapping[str, Any], inputs: Iterable[Mapping[str, Any]] = ()) -> list[str]:
    """A line for each data reference, dataset and output of a JobSpec in plain form.

    ``inputs``: the fingerprints of what the run has really read.
    """
    known = {item["name"]: f", {amount(item)}" for item in inputs}
    return [f"{item['name']}: {_what(item)}{known.get(item['name'], '')}" for item in _items(spec)]


def amount(found: Mapping[str, Any]) -> str:
    """How much an input is, by its fingerprint, and the digest that tells it from others."""
    if found["digest"] is None:
        return "no files"
    digest = str(found["digest"])[:19]
    if found["shallow"]:
        return f"a folder not looked into, {digest}"
    files = formats.count(found["files"], "file")
    return f"{files}, {formats.size(found['size_bytes'])}, {digest}"


def together(spec: Mapping[str, Any]) -> str:
    """All of them in one line, in one order, without their names, which may be random."""
    return ", ".join(sorted(_what(item) for item in _items(spec)))


def in_words(words: list[str], spec: Mapping[str, Any]) -> list[str]:
    """Words of a command line with what the data in them stands for."""
    known = {_ARGUMENT + item["name"]: _place(item) for item in _items(spec)}
    return [known.get(word, word) for word in words]


def _items(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [item for kind in ("data", "datasets", "outputs") for item in spec.get(kind) or ()]


def _what(item: Mapping[str, Any]) -> str:
    where = item.get("path_on_compute")
    seen = f" at {where}" if where else ""
    return f"{_mode(item)} {_place(item)}{seen}{_registered(item)}"


def _mode(item: Mapping[str, Any]) -> str:
    if "root" in item:
        return "output to"
    return "dataset" if item["mode"] == "direct" else f"{item['mode']} of"


def _registered(item: Mapping[str, Any]) -> str:
    wanted = item.get("register")
    return f", registered as {wanted['name']}" if wanted else ""


def _place(item: Mapping[str, Any]) -> str:
    if "definition" in item and "root" not in item:
        return _dataset(item)
    return f"{item['datastore']}:{item['path']}" if item["path"] else str(item["datastore"])


def _dataset(item: Mapping[str, Any]) -> str:
    if item["dataset"]:
        return f"{item['dataset']} version {item['version']}"
    sources = [
        source.get("url") or f"{source['datastore']}:{source.get('path', source.get('query', ''))}"
        for source in item["definition"]["sources"]
    ]
    return " and ".join(sources)
