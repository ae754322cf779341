"""The import tree against the public interface of SDK v1: paths, names, signatures."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from runyard import _names, _stand_ins, _tree
from runyard.data import registry
from scripts import compatibility
from scripts.sdk_signatures import Difference, Entry, differences, is_stand_in, read

pytestmark = pytest.mark.usefixtures("azureml_tree")

ERRORS = "TrainingException UserErrorException ComputeTargetException WorkspaceException"
# What code imports from where (spec 1 and 19); a stand-in counts, for it can be imported.
PATHS = {
    "core": "Workspace Experiment Run ScriptRun ScriptRunConfig RunConfiguration Environment "
    "Datastore Dataset Model ComputeTarget Keyvault ContainerRegistry VERSION __version__ get_run "
    "Webservice Image LinkedService PrivateEndPoint",
    "core.authentication": "AbstractAuthentication AzureCliAuthentication MsiAuthentication "
    "InteractiveLoginAuthentication ServicePrincipalAuthentication",
    "core.compute": "ComputeTarget AmlCompute RemoteCompute AksCompute DatabricksCompute "
    "HDInsightCompute ComputeInstance BatchCompute DataFactoryCompute AdlaCompute DsvmCompute",
    "core.compute.amlcompute": "AmlCompute AmlComputeStatus",
    "core.compute.remote": "RemoteCompute",
    "core.compute_target": "ComputeTargetException LocalTarget",
    "core.conda_dependencies": "CondaDependencies",
    "core.container_registry": "ContainerRegistry",
    "core.dataset": "Dataset",
    "core.datastore": "Datastore",
    "core.environment": "Environment CondaDependencies DockerSection PythonSection "
    "DEFAULT_CPU_IMAGE DEFAULT_GPU_IMAGE",
    "core.experiment": "Experiment",
    "core.keyvault": "Keyvault",
    "core.model": "Model InferenceConfig",
    "core.resource_configuration": "ResourceConfiguration",
    "core.run": "Run get_run _OfflineRun _SubmittedRun RUNNING_STATES RunStatus",
    "core.runconfig": "RunConfiguration CondaDependencies MpiConfiguration PyTorchConfiguration "
    "TensorflowConfiguration ParallelTaskConfiguration DockerConfiguration EnvironmentDefinition "
    "DataReferenceConfiguration ContainerRegistry DEFAULT_CPU_IMAGE DEFAULT_GPU_IMAGE "
    "MPI_CPU_IMAGE MPI_GPU_IMAGE",
    "core.script_run": "ScriptRun",
    "core.script_run_config": "ScriptRunConfig",
    "core.workspace": "Workspace WorkspaceException",
    "data": "FileDataset TabularDataset OutputFileDatasetConfig",
    "data.azure_storage_datastore": "AbstractAzureStorageDatastore AzureBlobDatastore "
    "AzureFileDatastore",
    "data.data_reference": "DataReference",
    "data.datapath": "DataPath DataPathComputeBinding",
    "data.dataset_consumption_config": "DatasetConsumptionConfig",
    "data.dataset_factory": "FileDatasetFactory TabularDatasetFactory",
    "data.file_dataset": "FileDataset",
    "data.output_dataset_config": "OutputFileDatasetConfig",
    "data.tabular_dataset": "TabularDataset",
    "exceptions": f"{ERRORS} AzureMLException ExperimentExecutionException ProjectSystemException "
    "SnapshotException RunEnvironmentException AuthenticationException WebserviceException "
    "RunConfigurationException ModelNotFoundException ModelPathNotFoundException "
    "ActivityFailedException ActivityCanceledException DiscoveryUrlNotFoundException "
    "DatasetTimestampMissingError ParallelRunException",
    "telemetry": "set_diagnostics_collection",
    "train.dnn": "Chainer PyTorch TensorFlow Mpi ParameterServer Gloo Nccl",
    "train.estimator": "Estimator MMLBaseEstimator MMLBaseEstimatorRunConfig "
    "_FrameworkBaseEstimator Mpi ParameterServer Gloo Nccl",
    "train.hyperdrive": "HyperDriveConfig HyperDriveRunConfig HyperDriveRun PrimaryMetricGoal "
    "RandomParameterSampling GridParameterSampling BayesianParameterSampling BanditPolicy "
    "MedianStoppingPolicy TruncationSelectionPolicy NoTerminationPolicy choice uniform quniform "
    "loguniform qloguniform normal qnormal lognormal qlognormal randint",
    "train.hyperdrive.exceptions": "HyperDriveConfigException",
    "train.hyperdrive.parameter_expressions": "choice uniform",
    "train.hyperdrive.policy": "BanditPolicy",
    "train.hyperdrive.run": "HyperDriveRun",
    "train.hyperdrive.runconfig": "HyperDriveConfig HyperDriveRunConfig PrimaryMetricGoal",
    "train.hyperdrive.sampling": "RandomParameterSampling",
    "train.sklearn": "SKLearn",
    "widgets": "RunDetails",
    "widgets.run_details": "RunDetails",
    "train.widgets": "RunDetails",
    "core.compute.kusto": "KustoCompute",
    "data.dataset_type_definitions": "PromoteHeadersBehavior",
    "data.azure_data_lake_datastore": "AzureDataLakeDatastore",
    "data.sql_data_reference": "SqlDataReference",
    "_restclient.constants": "RunStatus",
    "exceptions._azureml_exception": "AzureMLException UserErrorException",
    "_restclient.snapshots_client": "SNAPSHOT_MAX_SIZE_BYTES",
}


@pytest.fixture(autouse=True)
def _azureml() -> None:
    import runyard.azureml

    assert runyard.azureml


@pytest.mark.parametrize("module", PATHS)
def test_every_path_has_its_names(module: str) -> None:
    found = importlib.import_module(f"azureml.{module}")
    for name in PATHS[module].split():
        value = getattr(found, name)
        assert name in dir(found)
        if inspect.isclass(value) and not is_stand_in(value):
            assert value.__module__.startswith("runyard.")
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = found.nothing


IN_A_SCRIPT = """
import importlib, json, sys
for module, names in json.loads(sys.argv[1]).items():
    found = importlib.import_module("azureml." + module)
    for name in names.split():
        getattr(found, name)
"""


@pytest.mark.integration
@pytest.mark.parametrize("python", ["python3.6", "python3.8", "python3.13"])
def test_every_path_can_be_imported_in_a_script(tool: Callable[[str], str], python: str) -> None:
    """Where nothing of the client is installed: training scripts import more than they use."""
    command = [tool(python), "-S", "-W", "error", "-c", IN_A_SCRIPT, json.dumps(PATHS)]
    env = {**os.environ, "PYTHONPATH": _tree.SCRIPT_PATH}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_re_exports_are_the_same_objects() -> None:
    from azureml.core import ComputeTarget, Environment, Run, compute, compute_target, runconfig
    from azureml.core.environment import CondaDependencies
    from azureml.core.workspace import WorkspaceException
    from azureml.exceptions import ComputeTargetException
    from azureml.exceptions import WorkspaceException as Same
    from azureml.train import dnn, estimator

    import runyard

    assert runconfig.CondaDependencies is CondaDependencies is runyard.CondaDependencies
    assert runconfig.EnvironmentDefinition is Environment is runyard.Environment
    assert WorkspaceException is Same is runyard.WorkspaceException
    assert compute_target.ComputeTargetException is ComputeTargetException
    assert compute.ComputeTarget is ComputeTarget
    assert dnn.Mpi is estimator.Mpi
    assert Run is runyard.Run


def test_statuses_are_constants_too() -> None:
    from azureml._restclient.constants import RunStatus
    from azureml.core import run

    from runyard.record.states import Status

    assert run.RunStatus is RunStatus
    known = {value for name, value in vars(RunStatus).items() if name.isupper()}
    assert known - {item.value for item in Status} == {"Unapproved", "Pausing"}
    assert {item.value for item in Status} <= known
    over = known - set(run.RUNNING_STATES)
    assert over == {"CancelRequested", "Finalizing", "Completed", "Failed", "Canceled"}


def test_a_local_target_is_a_target_to_name() -> None:
    from azureml.core import ScriptRunConfig
    from azureml.core.compute_target import LocalTarget

    config = ScriptRunConfig(".", "train.py", compute_target=LocalTarget())
    assert config.run_config.target == "local"
    assert (LocalTarget().type, repr(LocalTarget())) == ("local", "LocalTarget()")


def test_the_version_is_that_of_the_sdk_whose_interface_this_is() -> None:
    import azureml.core

    assert azureml.core.__version__ == azureml.core.VERSION
    assert [int(part) for part in azureml.core.VERSION.split(".")] >= [1, 61, 0]


REFUSED = [
    ("azureml.core.webservice", "AciWebservice", "deployment is not part of runyard"),
    ("azureml.core.image", "ContainerImage", "deployment is not part of runyard"),
    ("azureml.core.databricks", "MavenLibrary", "Databricks is not part of runyard"),
    ("azureml.pipeline.core", "Pipeline", "pipelines are not part of runyard"),
    ("azureml.pipeline.steps", "EstimatorStep", "pipelines are not part of runyard"),
    ("azureml.train.automl", "AutoMLConfig", "AutoML is not part of runyard"),
    ("azureml.automl.core", "x", "AutoML is not part of runyard"),
    ("azureml.contrib.services", "x", "the preview packages azureml-contrib-* are not part"),
    ("azureml.interpret", "ExplanationClient", "model explanation is not part of runyard"),
    ("azureml.opendatasets", "MNIST", "the open datasets of Azure are not part of runyard"),
    ("azureml.dataprep", "x", "the data preparation engine is not part of runyard"),
    ("azureml.mlflow", "x", "the MLflow plug-in of Azure is not part of runyard"),
    ("azureml.tensorboard", "Tensorboard", "tensorboard --logdir reads the logs of a run"),
]


@pytest.mark.parametrize(("module", "name", "reason"), REFUSED)
def test_importing_what_is_out_of_scope_says_so_in_one_sentence(
    module: str, name: str, reason: str
) -> None:
    with pytest.raises(ImportError) as caught:
        exec(f"from azureml.core import Run\nfrom {module} import {name}")
    assert isinstance(caught.value, _stand_ins.NotInRunyardError)
    assert module.startswith(str(caught.value.name))
    message = str(caught.value)
    assert message.startswith(f"{caught.value.name} is not here: ")
    assert reason in message
    assert (message.count(". "), message[-1]) == (0, ".")
    assert caught.tb.tb_next is not None
    assert caught.tb.tb_next.tb_lineno == 2  # the line that imports it


USED = [
    ("azureml.core", "Webservice", "deployment"),
    ("azureml.data", "HDFSOutputDatasetConfig", "it belongs to the first datasets"),
    ("azureml.data.constants", "WORKSPACE_FILE_DATASTORE", "it belongs to the cloud service"),
    ("azureml.data.context_managers", "DatasetContextManager", "it belongs to the cloud service"),
    ("azureml.data.context_managers", "DatastoreContextManager", "it belongs to the cloud service"),
    ("azureml.data.datacache", "DatacacheHydrationTracker", "it belongs to the cloud service"),
    ("azureml.data.datacache", "DatacacheStore", "it belongs to the cloud service"),
    (
        "azureml.data.datacache_consumption_config",
        "DatacacheConsumptionConfig",
        "it belongs to the cloud service",
    ),
    ("azureml.data.dataset_action_run", "DatasetActionRun", "it belongs to the first datasets"),
    ("azureml.data.dataset_snapshot", "DatasetSnapshot", "it belongs to the first datasets"),
    ("azureml.data.stored_procedure_parameter", "StoredProcedureParameter", "pipelines"),
    ("azureml.core.model", "InferenceConfig", "deployment"),
    ("azureml.train.hyperdrive", "HyperDriveConfig", "parameter sweeps"),
    ("azureml.train.hyperdrive", "uniform", "parameter sweeps"),
]


def test_words_of_the_modes_and_the_datastore_are_there() -> None:
    constants = importlib.import_module("azureml.data.constants")
    assert constants.MOUNT_MODE == "mount"
    assert constants.WORKSPACE_BLOB_DATASTORE == registry.DEFAULT
    assert "UPLOAD_MODE" in constants.__all__


@pytest.mark.parametrize(("module", "name", "reason"), USED)
def test_other_names_say_so_when_they_are_used(module: str, name: str, reason: str) -> None:
    found: Any = getattr(importlib.import_module(module), name)
    assert not isinstance(1, found)
    assert f"{module}.{name} is not here: {reason}" in repr(found)
    for use in (lambda: found(1), lambda: found.get_by_name("x"), lambda: type("A", (found,), {})):
        with pytest.raises(_stand_ins.NotInRunyardError) as caught:
            use()
        assert str(caught.value).startswith(f"{module}.{name} is not here: {reason}")
        assert caught.value.name == name


def test_a_star_import_has_them_too() -> None:
    given: dict[str, Any] = {}
    exec("from azureml.data import *", given)
    with pytest.raises(_stand_ins.NotInRunyardError, match="first datasets of SDK v1, to Spark or"):
        given["LinkFileOutputDatasetConfig"]("x")


def test_a_name_that_is_not_in_the_sdk_is_an_ordinary_error() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'azureml\.nothing'"):
        importlib.import_module("azureml.nothing")


# Signatures


def test_every_class_and_member_is_here_or_has_a_reason() -> None:
    """What is not as in the SDK stands in docs/compatibility.md, which is current."""
    assert compatibility.main(["--check"]) == 0


def test_the_data_is_what_it_should_be() -> None:
    signatures = read(compatibility.SIGNATURES.read_text())
    assert len(signatures) == 78
    run = next(members for entry, members in signatures.items() if entry.name == "azureml.core.Run")
    [log] = [member for member in run if member.name == "log"]
    assert log.parameters == ("name", "value", "description=''", "step=None")


class Ours:
    value = "a"

    def __init__(self, name: str, extra: int) -> None:
        self.name = name

    @property
    def fixed(self) -> int:
        return 1

    def method(self, b: int, a: int = 1, *, later: int = 2) -> None: ...

    @staticmethod
    def free(a: int, b: int = 2) -> None: ...

    def bound(self) -> None: ...


def found(*lines: str, constructor: str = "name, extra") -> list[str]:
    text = "\n".join([f"{__name__}.Ours({constructor})", *(f"    {line}" for line in lines)])
    prefix = f"{__name__}.Ours"
    return [f"{d.key.removeprefix(prefix)} {d.text}" for d in differences(read(text))]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("method(b, a=1, *, later=2)", []),
        ("method(b, a=1)", []),
        ("method(a=1, b)", [".method takes (b, a) in this order"]),
        ("method(b, a=3)", [".method(a) has the default 1, not 3"]),
        ("method(b, a=1, c=None)", [".method(c) is not a parameter"]),
        ("method(b, a=1, later=2)", [".method takes (b, a) in this order"]),
        ("method(a=1)", [
            ".method takes (b, a) in this order",
            ".method(b) is a parameter that the SDK has not",
        ]),
        ("static free(a, b=2, **kwargs)", []),
        ("static free(a, b='x,y')", [".free(b) has the default 2, not 'x,y'"]),
        ("static bound()", [".bound needs an instance"]),
        ("class missing()", [".missing is not here"]),
        ("property name", []),
        ("property name settable", []),
        ("property fixed", []),
        ("property fixed settable", [".fixed cannot be set"]),
        ("property bound", [".bound is a method"]),
        ("fixed()", [".fixed is a property"]),
        ("attribute value = 'a'", []),
        ("attribute value = 'b'", [".value is 'a', not 'b'"]),
        ("nested Inner", [".Inner is not here"]),
    ],
)  # fmt: skip
def test_every_difference_is_seen(line: str, expected: list[str]) -> None:
    assert found(line) == expected


def test_constructors_and_classes_are_compared_too() -> None:
    assert found(constructor="name") == [".__init__(extra) is a parameter that the SDK has not"]
    nothing = read(f"{__name__}.Nothing()\nno.such.module.Thing()")
    texts = [item.text for item in differences(nothing)]
    assert texts == ["the class is not here"] * 2


def test_a_difference_needs_a_reason_and_a_reason_a_difference(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    path = tmp_path / "reasons.json"
    path.write_text(json.dumps({"Because.": ["a.B.*", "a.C"]}))
    monkeypatch.setattr(compatibility, "REASONS", path)
    given, wrong = compatibility.explained([Difference("a.B.c", "x"), Difference("a.D", "y")])
    assert list(given.values()) == ["Because."]
    assert wrong == [
        "a.D y: build it, or give a reason in reasons.json",
        "a.C: there is no such difference (any more)",
    ]


def test_the_page_follows_the_data() -> None:
    entry = Entry("a.B", "method", ())
    members = {entry: [Entry("c", "method", ()), Entry("d", "method", ())]}
    text = compatibility.page(members, {Difference("a.B.c", "is not here"): "Because."})
    assert "| `a.B` | 1 | 2 |" in text
    assert "| `a.B.c` | is not here | Because. |" in text
    assert "| `azureml.pipeline` | pipelines are not part of runyard" in text


def test_every_name_of_the_table_is_of_some_use() -> None:
    """The names only azureml offers are offered somewhere in it."""
    offered = set[str]()
    for module in compatibility._importable():
        offered |= set(dir(importlib.import_module(module)))
    runconfig = importlib.import_module("azureml.core.runconfig")
    other = {"DataPathLocation": runconfig.DataPath, "DatasetSection": runconfig.Dataset}
    assert all(_names.get(name) is offered_as for name, offered_as in other.items())
    assert set(_names.SDK_NAMES) - set(other) <= offered
