"""From datasets as they were written to what the runner reads: every early check.

Of inputs it is decided here which version of which dataset a run reads; of outputs, where on a
datastore they go, but for the id of the run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from runyard import _names
from runyard.data import consumption, names, registry
from runyard.data.freezing import check_output
from runyard.data.spec import DatasetSpec, OutputSpec, RegistrationSpec
from runyard.errors import UserErrorException
from runyard.job.output_datasets import OUTPUT_NAME, RUN_ID, definition_of, placed
from runyard.record import jsonl
from runyard.record.events import read_state
from runyard.record.layout import WorkspaceDirectory
from runyard.record.states import Reason

_UPLOADS = ("mount", "upload")


def frozen_inputs(
    written: Mapping[str, Any], directory: WorkspaceDirectory
) -> tuple[DatasetSpec, ...]:
    """The ``Data`` sections of a run by name, resolved in its workspace. Changes nothing.

    Raises UserErrorException naming the input: no such dataset, an unknown mode, a path of a
    table, nothing where its files should be.
    """
    return tuple(_named("input", name, _input, item, directory) for name, item in written.items())


def frozen_outputs(
    written: Mapping[str, Any], directory: WorkspaceDirectory
) -> tuple[OutputSpec, ...]:
    """The ``OutputData`` sections of a run by name; as `frozen_inputs`."""
    return tuple(_named("output", name, _output, item, directory) for name, item in written.items())


def found_inputs_again(
    specs: Iterable[DatasetSpec], directory: WorkspaceDirectory
) -> tuple[DatasetSpec, ...]:
    """Inputs of an earlier run: the same versions, whose files must be there. Raises as above."""
    found = tuple(specs)
    for spec in found:
        _named("input", spec.name, _check_again, spec, directory)
    return found


def found_outputs_again(
    specs: Iterable[OutputSpec], directory: WorkspaceDirectory
) -> tuple[OutputSpec, ...]:
    """Outputs of an earlier run, where their datastores are now."""
    found = tuple(
        msgspec.structs.replace(spec, root=registry.url_of(directory, spec.datastore))
        for spec in specs
    )
    for spec in found:
        check_output(spec, directory)
    return found


def _named(what: str, name: str, freeze: Any, item: Any, directory: WorkspaceDirectory) -> Any:
    names.checked_input(f"name of an {what}", name)
    try:
        return freeze(name, item, directory)
    except UserErrorException as error:
        raise UserErrorException(f"{what} {name!r}: {error.message}", error) from error


def _check_again(name: str, spec: DatasetSpec, directory: WorkspaceDirectory) -> None:
    _names.load("runyard.data.datasets.sources:check")(spec.definition, directory)


def _input(name: str, written: Any, directory: WorkspaceDirectory) -> DatasetSpec:
    mode = consumption.checked_mode(_lower(written.mechanism))
    record = _record(name, written, directory)
    definition = record["definition"]
    consumption.check_tabular(mode, definition["type"] == "tabular")
    _names.load("runyard.data.datasets.sources:check")(definition, directory)
    return DatasetSpec(
        name=name,
        mode=mode,  # type: ignore[arg-type]
        id=record["id"],
        definition=definition,
        dataset=record.get("name"),
        version=record.get("version"),
        path_on_compute=names.checked_place(written.path_on_compute),
    )


def _record(name: str, written: Any, directory: WorkspaceDirectory) -> dict[str, Any]:
    """id, name, version and definition of the dataset of an input."""
    given = written.__dict__.get("_input")
    if given is None:
        return _of_section(name, written.data_location, directory)
    dataset = given.dataset
    if isinstance(dataset, tuple):
        workspace, registered, version = dataset
        _check_workspace(registered, workspace.directory.path, directory)
        return _find(directory, registered, version)
    if consumption.is_output(dataset):
        return _unregistered(_left_by(dataset, directory))
    own = dataset._directory
    _check_workspace(dataset.name or "of the input", own and own.path, directory)
    return {
        "id": dataset.id,
        "name": dataset.name,
        "version": dataset.version,
        "definition": dataset._definition,
    }


def _of_section(name: str, location: Any, directory: WorkspaceDirectory) -> dict[str, Any]:
    """The dataset that a section without its object names: that of a file."""
    identity = getattr(location, "dataset", None)
    path = getattr(location, "data_path", None)
    if identity is not None and identity.dataset_id:
        found: dict[str, Any] = _names.load("runyard.record.datasets:find_id")(
            directory, identity.dataset_id
        )
        return found
    if identity is not None and identity.dataset_name:
        return _find(directory, identity.dataset_name, identity.dataset_version or "latest")
    if path is not None and path.datastore_name:
        source = (path.datastore_name, names.inside(path.relative_path))
        return _unregistered(_definition("of_files", [source]))
    raise UserErrorException(
        f"data[{name!r}].data_location names no dataset and no path; give "
        "DataLocation(dataset=Dataset(dataset_name='iris')), or the input itself: "
        f"run_config.data[{name!r}] = dataset.as_named_input({name!r}).as_mount()"
    )


def _find(directory: WorkspaceDirectory, name: str, version: Any) -> dict[str, Any]:
    found: dict[str, Any] = _names.load("runyard.record.datasets:find")(directory, name, version)
    return found


def _unregistered(definition: dict[str, Any]) -> dict[str, Any]:
    return {"id": _definition("id_of", definition), "definition": definition}


def _definition(function: str, *arguments: Any) -> Any:
    return _names.load(f"runyard.job.datasets.definition:{function}")(*arguments)


def _check_workspace(dataset: str, own: str | None, directory: WorkspaceDirectory) -> None:
    if own is not None and own != directory.path:
        raise UserErrorException(
            f"the dataset {dataset!r} is of the workspace {own!r}, and the run goes to "
            f"{directory.path!r}; register it there, or submit to the first"
        )


def _left_by(output: Any, directory: WorkspaceDirectory) -> dict[str, Any]:
    """The definition of what the last run with an output has left."""
    path, run = output._path, output._left.run
    if run is not None:
        _check_workspace(output.name, run.workspace.path, directory)
        state = read_state(run)
        if state.reason is not Reason.COMPLETED:
            how = "has not ended yet" if state.reason is None else f"is {state.status.value}"
            raise UserErrorException(
                f"the output {output.name!r} is of run {run.id}, which {how}; wait for it with "
                "run.wait_for_completion(), or use what there is with "
                f"Dataset.File.from_files((datastore, {placed(path, run.id, output.name)!r}))"
            )
        specs = jsonl.read_json(run.run_json)["spec"]["outputs"]
        left = next((item["path"] for item in specs if item["name"] == output.name), path)
        path = placed(left, run.id, output.name)
    elif RUN_ID in path:
        raise UserErrorException(
            f"no run has left the output {output.name!r} yet; submit the run that writes it first. "
            f"Of a run of before: run.output_datasets[{output.name!r}].as_named_input('name')"
        )
    path = path.replace(OUTPUT_NAME, output.name)
    return definition_of(output._datastore, path, output._definition)


def _output(name: str, written: Any, directory: WorkspaceDirectory) -> OutputSpec:
    location = _location(name, written, directory)
    mode = _lower(written.mechanism)
    if mode not in _UPLOADS:
        raise UserErrorException(
            f"mechanism={written.mechanism!r} is not known; give one of {', '.join(_UPLOADS)}"
        )
    datastore = names.checked_datastore(location.datastore_name)
    options = written.additional_options
    upload = getattr(options, "upload_options", None)
    globs = getattr(getattr(upload, "source_globs", None), "glob_patterns", None)
    registration = getattr(options, "registration_options", None)
    spec = OutputSpec(
        name=name,
        datastore=datastore,
        path=names.inside(location.relative_path),
        root=registry.url_of(directory, datastore),
        mode=mode,
        overwrite=bool(getattr(upload, "overwrite", False)),
        globs=tuple(globs) if globs else None,
        path_on_compute=names.checked_place(getattr(options, "path_on_compute", None)),
        register=_registration(registration),
        definition=_reading(registration),
    )
    check_output(spec, directory)
    return spec


def _location(name: str, written: Any, directory: WorkspaceDirectory) -> Any:
    """Where an output goes, as it was written."""
    location = getattr(written.output_location, "data_path", None)
    if location is None or not location.datastore_name:
        raise UserErrorException(
            f"output_data[{name!r}].output_location names no datastore; give the output itself: "
            f"run_config.output_data[{name!r}] = OutputFileDatasetConfig({name!r})"
        )
    own = written.__dict__.get("_workspace")
    if own is not None and own != directory.path:
        raise UserErrorException(
            f"datastore {location.datastore_name!r} is of the workspace {own!r}, and the run goes "
            f"to {directory.path!r}; register it there with Datastore.register, or submit to the "
            "first"
        )
    return location


def _registration(options: Any) -> RegistrationSpec | None:
    if options is None or not options.name:
        return None
    tags = {str(key): str(value) for key, value in (options.tags or {}).items()}
    return RegistrationSpec(name=options.name, description=options.description, tags=tags)


def _reading(options: Any) -> dict[str, Any] | None:
    more = getattr(options, "dataset_registration_options", None)
    text = getattr(more, "additional_transformation", None)
    if not text:
        return None
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise UserErrorException(
            f"additional_transformation is {text!r}, which is not JSON: {error}; leave it out"
        ) from error
    return found


def _lower(mode: object) -> Any:
    return mode.lower() if isinstance(mode, str) else mode
