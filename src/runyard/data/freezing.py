"""From data references as they were written to what the runner reads: every early check."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from runyard.data import artifacts, conflicts, local, names, registry
from runyard.data.spec import DataSpec, OutputSpec
from runyard.errors import UserErrorException
from runyard.record.layout import WorkspaceDirectory


class Written(Protocol):
    """A ``DataReferenceConfiguration``."""

    data_store_name: Any
    mode: Any
    path_on_data_store: Any
    path_on_compute: Any
    overwrite: Any


def frozen(
    references: Mapping[str, Written], directory: WorkspaceDirectory
) -> tuple[DataSpec, ...]:
    """The references of a run by their names, resolved in its workspace. Changes nothing.

    Raises UserErrorException naming the reference: no such datastore, an unknown mode, a path
    that leads outside, or nothing at the path of one that is to be mounted or downloaded.
    """
    found = tuple(_frozen(name, written, directory) for name, written in references.items())
    conflicts.check(found)
    return found


def _frozen(name: str, written: Written, directory: WorkspaceDirectory) -> DataSpec:
    names.checked_reference(name)
    try:
        _check_workspace(written, directory)
        datastore = names.checked_datastore(written.data_store_name)
        path = names.inside(written.path_on_data_store)
        spec = DataSpec(
            name=name,
            datastore=datastore,
            path=path,
            mode=names.checked_mode(written.mode),
            source=_source(directory, datastore, path),
            path_on_compute=names.checked_place(written.path_on_compute),
            overwrite=bool(written.overwrite),
        )
        check_source(spec, directory)
    except UserErrorException as error:
        raise UserErrorException(f"data reference {name!r}: {error.message}", error) from error
    return spec


def found_again(specs: Iterable[DataSpec], directory: WorkspaceDirectory) -> tuple[DataSpec, ...]:
    """References of an earlier run, where their datastores are now. Raises as `frozen`."""
    found = []
    for spec in specs:
        source = _source(directory, spec.datastore, spec.path)
        found.append(msgspec.structs.replace(spec, source=source))
        check_source(found[-1], directory)
    return tuple(found)


def _source(directory: WorkspaceDirectory, datastore: str, path: str) -> str:
    url = registry.url_of(directory, datastore)
    if not is_remote(url):
        return local.place(directory, datastore, url, path)
    return f"{url.rstrip('/')}/{path}" if path else url


def is_remote(source: str) -> bool:
    """Whether a source is a URL, and no path of this machine."""
    return "://" in source


def _check_workspace(written: Written, directory: WorkspaceDirectory) -> None:
    own = getattr(written, "__dict__", {}).get("_workspace")
    if own is not None and own != directory.path:
        raise UserErrorException(
            f"datastore {written.data_store_name!r} is of the workspace {own!r}, and the run goes "
            f"to {directory.path!r}; register its folder there with Datastore.register, or submit "
            "to the first"
        )


def check_source(spec: DataSpec, directory: WorkspaceDirectory) -> None:
    """Raise UserErrorException when there is nothing to mount or to download.

    One request to storage elsewhere, which is an error as well when it does not answer.
    """
    if is_remote(spec.source):
        _check_remote(spec, directory)
        return
    if spec.mode == "upload":
        _check_upload(spec)
        return
    # All of a built-in datastore is a folder that the run makes.
    made = not spec.path and not registry.is_registered(directory, spec.datastore)
    if made or (os.path.exists(spec.source) and not _is_empty_of_run(spec)):
        return
    left = artifacts.run_of(spec.path) if spec.datastore == registry.ARTIFACTS else None
    if left is not None:
        raise _nothing_left(*left, spec.source)
    raise UserErrorException(
        f"there is nothing at {spec.path or '.'!r} on datastore {spec.datastore!r} "
        f"({spec.source!r}); upload it first, make the folder if the script is to write there, or "
        "give another path"
    )


def _check_remote(spec: DataSpec, directory: WorkspaceDirectory) -> None:
    if spec.mode == "upload":
        _check_writable(directory, spec.datastore)
    first = _first(directory, spec.datastore, spec.path)
    if spec.mode == "upload" and first == spec.path != "":
        raise _upload_to_a_file(spec)
    if spec.mode != "upload" and first is None and spec.path:
        raise UserErrorException(
            f"there is nothing at {spec.path!r} on datastore {spec.datastore!r} "
            f"({spec.source!r}); upload it first, give as_upload() if the script is to write "
            "there, or give another path"
        )


def check_output(spec: OutputSpec, directory: WorkspaceDirectory) -> None:
    """Raise UserErrorException when an output cannot go where it is to.

    That the storage does not answer a run would learn when its script has ended.
    """
    if is_remote(spec.root):
        _check_writable(directory, spec.datastore)
        _first(directory, spec.datastore, spec.path.partition("{")[0].rstrip("/"))
        return
    _check_upload(
        DataSpec(
            name=spec.name,
            datastore=spec.datastore,
            path=spec.path,
            mode="upload",
            source=os.path.join(spec.root, spec.path),
        )
    )


def _check_writable(directory: WorkspaceDirectory, datastore: str) -> None:
    try:
        registry.store_of(directory, datastore).check_writable()
    except UserErrorException as error:
        text = f"nothing can be stored on datastore {datastore!r}: {error.message}"
        raise UserErrorException(text, error) from error


def _first(directory: WorkspaceDirectory, datastore: str, path: str) -> str | None:
    """The path of the first file at or below a path; one request."""
    found = next(iter(registry.store_of(directory, datastore).entries(path)), None)
    return None if found is None else found.path


def _upload_to_a_file(spec: DataSpec) -> UserErrorException:
    return UserErrorException(
        f"{spec.path!r} on datastore {spec.datastore!r} is a file ({spec.source!r}), and an "
        "upload goes to a folder; give the folder it lies in"
    )


def _is_empty_of_run(spec: DataSpec) -> bool:
    if spec.datastore != registry.ARTIFACTS or artifacts.run_of(spec.path) is None:
        return False
    return os.path.isdir(spec.source) and not os.listdir(spec.source)


def _nothing_left(run_id: str, name: str, place: str) -> UserErrorException:
    return UserErrorException(
        f"run {run_id!r} has left nothing in {name or 'its folder'!r} ({place!r}), so there is "
        "nothing to begin with; give a run whose script has written its checkpoints to ./outputs"
    )


def _check_upload(spec: DataSpec) -> None:
    if spec.datastore == registry.ARTIFACTS and artifacts.run_of(spec.path) is not None:
        raise UserErrorException(
            f"{spec.path!r} on {spec.datastore!r} is what a run has left and cannot be uploaded "
            "to; give another datastore, such as workspaceblobstore"
        )
    if os.path.exists(spec.source) and not os.path.isdir(spec.source):
        raise _upload_to_a_file(spec)
