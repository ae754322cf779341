"""Which models, which files of one, and values as text."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

from runyard.errors import WebserviceException
from runyard.history.index_query import has_all

ListFilter = Sequence[str | Sequence[str]] | Mapping[str, str] | str | None
"""Names that must be there, ``[name, value]`` pairs that must match, or a dict of such pairs."""


@dataclass(frozen=True)
class Wanted:
    """What a model must have; None leaves nothing out."""

    name: str | None = None
    tags: ListFilter = None
    properties: ListFilter = None
    run_id: str | None = None
    model_framework: str | None = None
    dataset_id: str | None = None

    @property
    def more_than_a_name(self) -> bool:
        """Whether anything but the name is asked for."""
        given = (self.tags, self.properties, self.run_id, self.model_framework)
        return any(value is not None for value in given)

    def by(self, record: Mapping[str, Any]) -> bool:
        """Whether the model of a model.json has it."""
        plain = (self.name, self.run_id, self.model_framework)
        keys = ("name", "run_id", "model_framework")
        return (
            all(value in (None, record.get(key)) for key, value in zip(keys, plain, strict=True))
            and _matches(record.get("tags") or {}, self.tags)
            and _matches(record.get("properties") or {}, self.properties)
            and self._has_dataset(record)
        )

    def _has_dataset(self, record: Mapping[str, Any]) -> bool:
        known = [dataset for _, dataset in record.get("datasets") or ()]
        return self.dataset_id is None or self.dataset_id in known

    def __str__(self) -> str:
        given = [(field.name, getattr(self, field.name)) for field in fields(self)]
        return ", ".join(f"{name}={value!r}" for name, value in given if value is not None)


def _matches(values: Mapping[str, str], wanted: ListFilter) -> bool:
    if wanted is None or isinstance(wanted, (str, Mapping)):
        return has_all(values, wanted)
    return all(
        item in values if isinstance(item, str) else has_all(values, {item[0]: item[1]})
        for item in wanted
    )


@contextmanager
def chosen_files(folder: str, names: Sequence[str] | None) -> Iterator[str]:
    """The folder itself, or a copy of it with only these files, removed afterwards.

    Raises WebserviceException for a name that leads outside, FileNotFoundError for a missing one.
    """
    if names is None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="runyard-model-") as temporary:
        copy = os.path.join(temporary, os.path.basename(folder))
        for name in names:
            inside = os.path.relpath(os.path.join(folder, name), folder)
            if inside.startswith(".."):
                raise WebserviceException(f"child_paths: {name!r} lies outside {folder!r}")
            os.makedirs(os.path.dirname(os.path.join(copy, inside)), exist_ok=True)
            shutil.copyfile(os.path.join(folder, inside), os.path.join(copy, inside))
        yield copy
