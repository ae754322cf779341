"""Datasets among the arguments and inputs of a run: those it reads, and those it leaves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from runyard.config.dataset_sections import Data, OutputData
from runyard.data.consumption import DatasetConsumptionConfig, is_dataset
from runyard.data.output_config import OutputDatasetConfig
from runyard.data.reference import VARIABLE
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from runyard.config.script_run_config import ScriptRunConfig
    from runyard.record.layout import RunDirectory

_WRITTEN = re.compile(r"(?:DatasetConsumptionConfig|DatasetOutputConfig):(\w+)\Z")
"""How SDK v1 writes them into the arguments of a ``.runconfig`` file (spec 2.3)."""


def is_data(item: object) -> bool:
    """Whether it is an input or an output."""
    return isinstance(item, (DatasetConsumptionConfig, OutputDatasetConfig))


def as_text(item: Any) -> Any:
    """An input or output as the text that the run expands; anything else as it is.

    Raises UserErrorException for a dataset without a name, and a section of a run configuration.
    """
    if is_data(item):
        return str(item)
    if isinstance(item, str):
        return _WRITTEN.sub(rf"${VARIABLE}\1", item)
    if isinstance(item, (Data, OutputData)):
        raise UserErrorException(
            f"an argument is a section of a run configuration, {type(item).__name__}; give "
            "dataset.as_named_input('name').as_mount(), or an OutputFileDatasetConfig"
        )
    refuse_bare(item)
    return item


def refuse_bare(item: object) -> None:
    """Raise UserErrorException for a dataset that is given as it is (spec 2.3)."""
    if is_dataset(item):
        raise UserErrorException(
            f"{item!r} is a dataset, and a run needs to know how to get at it: give "
            "dataset.as_named_input('name'), or of a FileDataset "
            "dataset.as_named_input('name').as_mount() or .as_download()"
        )


def inputs_among(items: Iterable[object]) -> dict[str, DatasetConsumptionConfig]:
    """The inputs by name. Raises UserErrorException where two of one name differ."""
    return _by_name([item for item in items if isinstance(item, DatasetConsumptionConfig)])


def outputs_among(items: Iterable[object]) -> dict[str, OutputDatasetConfig]:
    """The outputs by name. Raises UserErrorException for two of one name, also with the same
    settings: both would be the same folder. One that is given twice is one."""
    return _by_name([item for item in items if isinstance(item, OutputDatasetConfig)])


def _by_name(items: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        is_output = isinstance(item, OutputDatasetConfig)
        first = found.setdefault(item.name, item)
        if first is not item if is_output else first != item:
            what = "outputs" if is_output else "inputs"
            raise UserErrorException(
                f"two {what} are named {item.name!r}: {found[item.name]!r} and {item!r}; give one "
                "of them another name"
            )
    return found


def sections(inputs: Mapping[str, DatasetConsumptionConfig]) -> dict[str, Data]:
    """The inputs as ``run_config.data`` holds them."""
    return {name: Data.create(item) for name, item in inputs.items()}


def output_sections(outputs: Mapping[str, OutputDatasetConfig]) -> dict[str, OutputData]:
    """The outputs as ``run_config.output_data`` holds them."""
    return {name: OutputData.create(item) for name, item in outputs.items()}


def with_inputs(present: object, given: Iterable[object]) -> dict[str, Data]:
    """``run_config.data`` and the inputs among arguments. Raises UserErrorException."""
    found = checked_sections(present)
    for name, item in inputs_among(given).items():
        if name in found and found[name].__dict__.get("_input") != item:
            raise _said_twice("data", name, item)
        found[name] = Data.create(item)
    return found


def with_outputs(present: object, given: Iterable[object]) -> dict[str, OutputData]:
    """``run_config.output_data`` and the outputs among arguments. Raises UserErrorException."""
    found = checked_output_sections(present)
    for name, item in outputs_among(given).items():
        if name in found and found[name].__dict__.get("_output") is not item:
            raise _said_twice("output_data", name, item)
        found[name] = OutputData.create(item)
    return found


def _said_twice(what: str, name: str, item: object) -> UserErrorException:
    return UserErrorException(
        f"{item!r} is an argument, and run_config.{what}[{name!r}] is something else; give one of "
        "them another name"
    )


def checked_sections(given: object) -> dict[str, Data]:
    """``run_config.data``. Raises UserErrorException for what is no input."""
    found = {}
    for name, item in _mapping("data", given).items():
        if not isinstance(item, Data):
            raise _no_section("data", name, item, "dataset.as_named_input('name').as_mount()")
        found[str(name)] = item
    return found


def checked_output_sections(given: object) -> dict[str, OutputData]:
    """``run_config.output_data``. Raises UserErrorException for what is no output."""
    found = {}
    for name, item in _mapping("output_data", given).items():
        if not isinstance(item, OutputData):
            raise _no_section("output_data", name, item, "OutputFileDatasetConfig('name')")
        found[str(name)] = item
    return found


def _mapping(what: str, given: object) -> Mapping[Any, Any]:
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return given
    raise UserErrorException(
        f"{what} is {given!r} of type {type(given).__name__}; give a dict by the names of the data"
    )


def _no_section(what: str, name: object, item: object, example: str) -> UserErrorException:
    return UserErrorException(
        f"{what}[{name!r}] is {item!r} of type {type(item).__name__}; give {example}"
    )


def remember(config: ScriptRunConfig, run: RunDirectory) -> None:
    """Tell the outputs of a configuration which run was submitted with them: ``as_input``."""
    given = [item for part in (config.arguments, config.command) for item in _items(part)]
    sections = (config.run_config.output_data or {}).values()
    hidden = [getattr(item, "__dict__", {}).get("_output", item) for item in sections]
    for item in (*given, *hidden):
        if isinstance(item, OutputDatasetConfig):
            item._left.run = run


def _items(given: object) -> list[Any]:
    return list(given) if isinstance(given, (list, tuple)) else []
