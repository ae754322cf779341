"""Data that a run uses, wherever that is said: arguments, inputs, resume_from (spec 2.2).

Data references here; datasets, as inputs and as outputs, in ``datasets``.
"""

from __future__ import annotations

import os
import re
import uuid
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runyard.config import datasets
from runyard.config.data_sections import DataReferenceConfiguration
from runyard.data.datapath import DataPath
from runyard.data.reference import VARIABLE, DataReference
from runyard.data.storage import StorageDatastore
from runyard.errors import UserErrorException
from runyard.history.run import Run

if TYPE_CHECKING:
    from runyard.config.dataset_sections import Data, OutputData
    from runyard.config.script_run_config import ScriptRunConfig
    from runyard.data.consumption import DatasetConsumptionConfig
    from runyard.data.output_config import OutputDatasetConfig

RESUME = "MODEL_LOCATION"
"""The data reference that ``resume_from`` becomes (spec 2.7)."""
RESUME_ARGUMENT = "--resume-from"

_MENTIONED = re.compile(rf"\$\{{?({VARIABLE}\w+)")


@dataclass(frozen=True)
class Used:
    """What a configuration says of data.

    ``arguments``, ``command``: as they were given, with references as text. ``references``:
    by name. ``inputs``, ``outputs``: datasets by name, that the run reads and leaves. ``store``:
    the name of source_directory_data_store, None without one; ``implied``: the same, where the
    reference to it is among the references only for that.
    """

    arguments: Any
    command: Any
    references: dict[str, DataReferenceConfiguration]
    inputs: dict[str, Data]
    outputs: dict[str, OutputData]
    store: str | None
    implied: str | None

    @property
    def names(self) -> frozenset[str]:
        """The names by which arguments may mention data."""
        return frozenset((*self.references, *self.inputs, *self.outputs))


@dataclass(frozen=True)
class Collected:
    """Data by name: references, and datasets that are read and left."""

    references: dict[str, DataReference]
    inputs: dict[str, DatasetConsumptionConfig]
    outputs: dict[str, OutputDatasetConfig]


def used(config: ScriptRunConfig) -> Used:
    """The data a configuration uses; nothing of it is changed.

    Raises UserErrorException for what is no data reference, no input and no output.
    """
    run_config = config.run_config
    given = [*_items(config.arguments), *_items(config.command)]
    store = store_name(run_config.source_directory_data_store)
    references = {
        **_checked(run_config.data_references),
        **configurations(collected(given)),
        **config._data_references,
    }
    implied = None if store in references else store
    if implied is not None:
        references = {implied: DataReferenceConfiguration(implied), **references}
    inputs = datasets.with_inputs(run_config.data, given)
    outputs = datasets.with_outputs(run_config.output_data, given)
    texts = (as_text(config.arguments), as_text(config.command))
    return Used(
        *texts,
        references=references,
        inputs=inputs,
        outputs=outputs,
        store=store,
        implied=implied,
    )


def reference_of(item: object) -> DataReference | None:
    """The reference that an argument is, None for others.

    A datastore is one to all of it, and a DataPath one in the mode mount, of the same name each
    time it is looked at.
    """
    if isinstance(item, StorageDatastore):
        return item.path()
    if isinstance(item, DataPath):
        place = f"{item.datastore_name}:{item.path_on_datastore or ''}"
        unnamed = uuid.uuid5(uuid.NAMESPACE_URL, place).hex if item.path_on_datastore else None
        return item.create_data_reference(item.name or unnamed)
    return item if isinstance(item, DataReference) else None


def as_text(given: Any) -> Any:
    """A list with its data as the text that the run expands; anything else as it is.

    Raises UserErrorException for a dataset without a name, and a section of a run configuration.
    """
    if not isinstance(given, (list, tuple)):
        return given
    return [_text(item) for item in given]


def _text(item: Any) -> Any:
    reference = reference_of(item)
    return datasets.as_text(item) if reference is None else str(reference)


def collected(items: Iterable[object]) -> dict[str, DataReference]:
    """The references among the items, by name; of one name the later counts, with a warning."""
    found: dict[str, DataReference] = {}
    for reference in filter(None, map(reference_of, items)):
        name = reference.data_reference_name
        if found.get(name, reference) != reference:
            warnings.warn(
                f"two data references are named {name!r}; {reference!r} is used, "
                f"{found[name]!r} is not. Give one of them another data_reference_name",
                stacklevel=2,
            )
        found[name] = reference
    return found


def all_among(items: Sequence[object]) -> Collected:
    """All data among the items, by name. Raises UserErrorException as ``datasets`` does."""
    return Collected(collected(items), datasets.inputs_among(items), datasets.outputs_among(items))


def configurations(
    references: Mapping[str, DataReference],
) -> dict[str, DataReferenceConfiguration]:
    """The references as ``run_config.data_references`` holds them."""
    return {name: reference.to_config() for name, reference in references.items()}


def checked_inputs(inputs: object) -> list[Any]:
    """What ``inputs`` holds of data (spec 2.1, row 25). Raises UserErrorException for others."""
    if inputs is None:
        return []
    advice = (
        "data references, datastores, data paths or datasets with a name, such as "
        "datastore.path('images').as_mount() or dataset.as_named_input('images').as_mount()"
    )
    if not isinstance(inputs, (list, tuple)):
        raise UserErrorException(
            f"inputs is {inputs!r} of type {type(inputs).__name__}; give a list of {advice}"
        )
    for item in inputs:
        datasets.refuse_bare(item)
        if reference_of(item) is None and not datasets.is_data(item):
            raise UserErrorException(
                f"Type {type(item)} is not supported for inputs. Give {advice}"
            )
    return list(inputs)


def store_name(store: object) -> str | None:
    """The name of a datastore given as an object or a name (spec 2.1, row 26).

    None and '' are none. Raises UserErrorException for anything else.
    """
    name = store.name if isinstance(store, StorageDatastore) else store
    if name is None or isinstance(name, str):
        return name or None
    raise UserErrorException(
        f"source_directory_data_store is {store!r} of type {type(store).__name__}; give a "
        "datastore object, or the name of a datastore"
    )


def resumed(resume_from: object) -> DataReference | None:
    """The reference by which a script finds its checkpoints (spec 2.7); None for None.

    ``resume_from``: a DataPath, or a Run whose outputs have them. Raises UserErrorException.
    """
    if resume_from is None:
        return None
    if isinstance(resume_from, Run):
        resume_from = resume_from._get_outputs_datapath()
    if isinstance(resume_from, DataPath):
        return resume_from.create_data_reference(RESUME)
    raise UserErrorException(
        f"resume_from is {resume_from!r} of type {type(resume_from).__name__}; give the Run whose "
        "outputs hold the checkpoint, or a DataPath such as DataPath(datastore, 'checkpoints')"
    )


def check_mentioned(used: Used, variables: Iterable[str]) -> None:
    """Raise UserErrorException for ``$AZUREML_DATAREFERENCE_x`` in a text that nobody gives.

    ``variables``: names of the run's variables; those of this process may reach it too.
    """
    known = {*(VARIABLE + name for name in used.names), *variables, *os.environ}
    words = [used.command] if isinstance(used.command, str) else _items(used.command)
    for word in (*words, *_items(used.arguments)):
        for variable in _MENTIONED.findall(word) if isinstance(word, str) else ():
            if variable not in known:
                name = variable.removeprefix(VARIABLE)
                raise UserErrorException(
                    f"{word!r} names the data reference {name!r}, which the run has not got; give "
                    "the DataReference itself as an argument, in inputs, or as "
                    f"run_config.data_references[{name!r}] = reference.to_config(); a dataset in "
                    f"the same places, or as run_config.data[{name!r}]"
                )


def _items(given: object) -> list[Any]:
    return list(given) if isinstance(given, (list, tuple)) else []


def _checked(given: object) -> dict[str, DataReferenceConfiguration]:
    if not isinstance(given, Mapping):
        raise UserErrorException(
            f"data_references is {given!r} of type {type(given).__name__}; give a dict such as "
            "{ref.data_reference_name: ref.to_config()}"
        )
    return {str(name): _section(str(name), item) for name, item in given.items()}


def _section(name: str, item: object) -> DataReferenceConfiguration:
    if isinstance(item, DataReference):
        return configurations({name: item})[name]
    if isinstance(item, DataReferenceConfiguration):
        return item
    raise UserErrorException(
        f"data_references[{name!r}] is {item!r} of type {type(item).__name__}; give a "
        "DataReferenceConfiguration, such as ref.to_config()"
    )
