"""DataReference, DataPath and DataPathComputeBinding (spec 15.2)."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest

from runyard.config.data_sections import DataReferenceConfiguration
from runyard.data.datapath import DataPath, DataPathComputeBinding
from runyard.data.reference import DataReference
from runyard.environments import plain
from runyard.errors import UserErrorException


@pytest.mark.parametrize("path", [None, "", ".", "./", "/"])
def test_a_reference_to_all_has_the_name_of_the_datastore(store: Any, path: Any) -> None:
    reference = DataReference(store, path_on_datastore=path)
    assert (reference.data_reference_name, reference.path_on_datastore) == ("photos", None)
    assert str(reference) == "$AZUREML_DATAREFERENCE_photos"


def test_a_reference_to_a_part_has_a_random_name(store: Any) -> None:
    one, other = store.path("train"), store.path("train")
    assert re.fullmatch("[0-9a-f]{32}", one.data_reference_name)
    assert one.data_reference_name != other.data_reference_name
    assert store.path("./train//deep/").path_on_datastore == "train/deep"
    assert store.path("train", "x").data_reference_name == "x"


def test_copies_leave_the_reference_as_it_was(store: Any) -> None:
    reference = DataReference(store, "x", "train", "download", "data", overwrite=True)
    upload = reference.as_upload("out", overwrite=True)
    assert (upload.mode, upload.path_on_compute, upload.overwrite) == ("upload", "out", True)
    download = upload.as_download("/data")
    assert (download.mode, download.path_on_compute, download.overwrite) == (
        *("download", "/data", False),
    )
    mount = download.as_mount()
    assert (mount.mode, mount.path_on_compute, mount.data_reference_name) == ("mount", None, "x")
    below = reference.path("deep", "y")
    assert (below.path_on_datastore, below.mode, below.data_reference_name) == (
        *("train/deep", "mount", "y"),
    )
    assert (reference.mode, reference.path_on_compute, reference.overwrite) == (
        *("download", "data", True),
    )
    frozen: Any = reference
    with pytest.raises(AttributeError):
        frozen.mode = "mount"


def test_what_a_datastore_makes(store: Any) -> None:
    assert store.as_mount() == DataReference(store)
    assert store.as_download("d") == DataReference(store, mode="download", path_on_compute="d")
    assert store.as_upload("u") == DataReference(store, mode="upload", path_on_compute="u")
    assert store.as_mount() != store.as_upload()
    assert len({store.as_mount(), store.as_mount()}) == 1


def test_a_copy_elsewhere_is_the_same_reference(store: Any) -> None:
    reference = store.path("train").as_download("x")
    for twin in (copy.deepcopy(reference), pickle.loads(pickle.dumps(reference))):
        assert twin == reference


def test_its_configuration(store: Any) -> None:
    config = DataReference(store, "x", "train", "download", "data", overwrite=True).to_config()
    assert isinstance(config, DataReferenceConfiguration)
    assert plain.value(config) == {
        "dataStoreName": "photos",
        "mode": "download",
        "pathOnDataStore": "train",
        "pathOnCompute": "data",
        "overwrite": True,
    }


def test_a_datapath_and_a_binding_make_a_reference(store: Any) -> None:
    path = DataPath(store, "train", "x")
    assert (path.datastore_name, path.path_on_datastore) == ("photos", "train")
    binding = DataPathComputeBinding("download", "data", overwrite=True)
    expected = DataReference(store, "x", "train", "download", "data", overwrite=True)
    assert path.create_data_reference(datapath_compute_binding=binding) == expected
    assert binding.create_data_reference("x", path) == expected
    assert DataReference.create("y", path).data_reference_name == "y"
    assert DataPath.create_from_data_reference(expected).create_data_reference() == (
        expected.as_mount()
    )
    back = DataPathComputeBinding.create_from_data_reference(expected)
    assert (back.mode, back.path_on_compute, back.overwrite) == ("download", "data", True)


_REFUSED: list[tuple[Any, type[Exception], str]] = [
    (
        lambda s: DataReference(s, mode="copy"),
        UserErrorException,
        "mode='copy' is not known; give one of mount, download, upload",
    ),
    (lambda s: DataPathComputeBinding("direct"), UserErrorException, "mode='direct' is not known"),
    (
        lambda s: DataReference(s, "a-b"),
        UserErrorException,
        "data_reference_name 'a-b' is not valid: give 1 to 255 English letters, digits and '_'",
    ),
    (
        lambda s: DataReference("photos"),  # type: ignore[arg-type]
        UserErrorException,
        "datastore is 'photos' of type str; give a datastore object, such as "
        "workspace.get_default_datastore()",
    ),
    (lambda s: s.path("../x"), UserErrorException, "leads outside the datastore with '..'"),
    (
        lambda s: s.as_download("../x"),
        UserErrorException,
        "path_on_compute='../x' leads outside the working directory of the run; give a path below",
    ),
    (lambda s: s.as_download(b"x"), UserErrorException, "path_on_compute is b'x'; give text such"),
    (lambda s: DataPath(), ValueError, "datastore is None; give a datastore object"),
    (lambda s: DataPath("x"), UserErrorException, "datastore is 'x' of type str"),  # type: ignore[arg-type]
    (
        lambda s: DataReference.create("x"),
        UserErrorException,
        "datapath is None of type NoneType; give a DataPath, such as DataPath(datastore, 'images')",
    ),
]


@pytest.mark.parametrize(("action", "kind", "text"), _REFUSED)
def test_what_cannot_be(store: Any, action: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        action(store)
