"""The datasets a run reads and leaves (spec 12.3)."""

import os

from runyard.errors import UserErrorException
from runyard.job import context
from runyard.job.base import RunBase
from runyard.record import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List

    _Base = Dict[str, Any]
else:
    _Base = dict

_VARIABLE = "AZUREML_DATAREFERENCE_"


class NoSuchDatasetError(UserErrorException, KeyError):
    """A run, or a workspace, has no dataset of that name."""


class DatasetsByName(_Base):
    """A dict of datasets, or of their paths; ``[name]`` of one that is not there says so.

    ``place``: what it is, for the message. ``advice``: how one gets into it.
    """

    def __init__(self, place: str, advice: str, found: "Dict[str, Any]") -> None:
        super().__init__(found)
        self._place, self._advice = place, advice

    def __missing__(self, name: object) -> "Any":
        known = ", ".join(map(repr, self)) or "none"
        raise NoSuchDatasetError(
            "{}: there is no dataset {!r}; it has {}. {}".format(
                self._place, name, known, self._advice.format(name=name)
            )
        )

    def __reduce__(self) -> "Any":
        return DatasetsByName, (self._place, self._advice, dict(self))


class DatasetMethods(RunBase):
    """``input_datasets`` and ``output_datasets``."""

    @property
    def input_datasets(self) -> "Dict[str, Any]":
        """What the run reads, by the names of its inputs.

        In its script: the dataset of an input in the mode direct, the path of one that is mounted
        or downloaded. Elsewhere: the datasets. ``[name]`` raises an error that is a KeyError as
        well where there is none.
        """
        own = self._is_of_this_process()
        found = {
            item["name"]: self._given(item) if own else self._dataset(item)
            for item in self._specs("datasets")
        }
        advice = (
            "Give it to the run: dataset.as_named_input({name!r}), with .as_mount() for a path, "
            "as an argument or in inputs"
        )
        return DatasetsByName("run.input_datasets", advice, found)

    @property
    def output_datasets(self) -> "Dict[str, Any]":
        """What the run leaves, by the names of its outputs.

        In its script: the folder to write to. Elsewhere: the dataset that it is.
        """
        own = self._is_of_this_process()
        left = {item["output"]: item for item in self._left()}
        found = {
            item["name"]: self._folder(item["name"]) if own else self._dataset(left[item["name"]])
            for item in self._specs("outputs")
        }
        advice = "Give it to the run: OutputFileDatasetConfig({name!r}), as an argument"
        return DatasetsByName("run.output_datasets", advice, found)

    def _specs(self, kind: str) -> "List[Dict[str, Any]]":
        spec: "Dict[str, Any]" = self._run_json().get("spec") or {}
        return list(spec.get(kind) or ())

    def _is_of_this_process(self) -> bool:
        current = context.current()
        return current is not None and current.path == self.directory.path

    def _given(self, item: "Dict[str, Any]") -> "Any":
        """An input as the script gets it."""
        if item["mode"] != "direct":
            return self._folder(item["name"])
        from runyard.job.datasets import opened

        return opened(self._staged(item["name"]))

    def _staged(self, name: str) -> "Dict[str, Any]":
        path = os.path.join(self.directory.datasets, name + ".json")
        return jsonl.read_json(path)

    def _folder(self, name: str) -> str:
        found = os.environ.get(_VARIABLE + name)
        return str(self._staged(name)["seen"]) if found is None else found

    def _dataset(self, item: "Dict[str, Any]") -> "Any":
        from runyard.job.datasets.dataset import AbstractDataset

        return AbstractDataset._of(
            self.directory.workspace,
            item["definition"],
            id=item["id"],
            name=item.get("dataset"),
            version=item.get("version"),
        )

    def _left(self) -> "List[Dict[str, Any]]":
        """Its outputs as the datasets they are, registered or not."""
        try:
            return list(jsonl.read_json(self.directory.output_datasets_json)["outputs"])
        except FileNotFoundError:
            from runyard.job.output_datasets import described

            return [described(item, self.id) for item in self._specs("outputs")]

    # For get_details. ------------------------------------------------------------------------

    def _input_details(self) -> "List[Dict[str, Any]]":
        """``inputDatasets`` (spec 12.6)."""
        return [
            {
                "dataset": DatasetDetail(item, self._dataset),
                "consumptionDetails": {
                    "type": "RunInput",
                    "inputName": item["name"],
                    "mechanism": item["mode"].capitalize(),
                    "pathOnCompute": item["path_on_compute"],
                },
            }
            for item in self._specs("datasets")
        ]

    def _output_details(self) -> "List[Dict[str, Any]]":
        """``outputDatasets`` (spec 12.6): there is none before the run has completed."""
        if not os.path.exists(self.directory.output_datasets_json):
            return []
        return [
            {
                "dataset": DatasetDetail(item, self._dataset),
                "outputType": "RunOutput",
                "outputDetails": {"outputName": item["output"]},
            }
            for item in self._left()
        ]


def registered(workspace: "Any") -> "Dict[str, Any]":
    """The latest version of every dataset of a workspace, by name; see `DatasetsByName`."""
    from runyard.job.datasets.dataset import AbstractDataset

    advice = "Register it: dataset.register(workspace, {name!r})"
    return DatasetsByName("workspace.datasets", advice, AbstractDataset.get_all(workspace))


class DatasetDetail(_Base):
    """``{'id': …}``, and ``name`` and ``version`` of a registered one; what else it is asked for
    is that of the dataset itself: ``details['inputDatasets'][0]['dataset'].to_path()``."""

    def __init__(self, item: "Dict[str, Any]", load: "Callable[[Dict[str, Any]], Any]") -> None:
        super().__init__()
        self["id"] = item["id"]
        if item.get("dataset"):
            self.update(name=item["dataset"], version=item["version"])
        self._item, self._of = item, load

    def __getattr__(self, name: str) -> "Any":
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._of(self._item), name)

    def __reduce__(self) -> "Any":
        return dict, (dict(self),)
