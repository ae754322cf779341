"""``.runconfig`` files: golden ones, where they lie, other spellings, faults."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from runyard.config.data_sections import DataReferenceConfiguration
from runyard.config.dataset_sections import Data, DataLocation, Dataset, OutputData
from runyard.config.run_configuration import RunConfiguration
from runyard.config.script_run_config import ScriptRunConfig
from runyard.data.output_config import OutputFileDatasetConfig
from runyard.environments.other_sections import RSection, SparkPackage
from runyard.errors import UserErrorException

GOLDEN = Path(__file__).parent / "golden"


def full() -> RunConfiguration:
    """Every section with something in it."""
    made = RunConfiguration("train.py", ["--lr", 0.1, "--name", "a b"], "PyTorch", "Nccl")
    made.target = "cluster"
    made.max_run_duration_seconds = 3600
    made.node_count = 2
    made.priority = 3
    made.history.directories_to_watch = ["logs", "more"]
    made.spark.configuration = {"spark.app.name": "mine"}
    made.docker.use_docker = True
    made.docker.arguments = ["--ipc=host"]
    made.docker.shm_size = "8g"
    made.hdi.yarn_deploy_mode = "client"
    made.tensorflow.worker_count = 2
    made.mpi.process_count_per_node = 4
    made.pytorch.communication_backend = "gloo"
    made.pytorch.process_count = 8
    made.paralleltask.terminal_exit_codes = [3]
    made.data_references = {"images": DataReferenceConfiguration("store", "download", "a/b")}
    made.data = {"Set_one": Data(DataLocation(Dataset("1", "iris", 2)), None, "Mount")}
    made.datacaches = ["cache"]
    output = OutputFileDatasetConfig("out").as_upload(overwrite=True, source_globs=["*.csv"])
    made.output_data = {"out": output.register_on_complete("left", "what is left", {"a": "b"})}
    made.source_directory_data_store = "store"
    made.amlcompute.vm_size = "STANDARD_D2"
    made.auto_cluster_compute_specification = {"instanceType": "x"}
    made.kubernetescompute.instance_type = "small"
    made.credential_passthrough = True
    made.environment_variables = {"My_Level": "1"}
    made.services = {"board": {"type": "TensorBoard"}}
    environment = made.environment
    environment.name = "vision"
    environment.version = "2"
    environment.python.conda_dependencies.set_python_version("3.8")
    environment.python.conda_dependencies.add_channel("conda-forge")
    environment.python.conda_dependencies.add_pip_package("numpy==1.24.4")
    environment.environment_variables = {"In_Image": "yes"}
    environment.docker.base_dockerfile = "FROM image\nRUN true\n"
    environment.docker.base_image_registry.address = "registry"
    environment.spark.packages = [SparkPackage("g", "a", "1")]
    environment.r = RSection()
    return made


@pytest.mark.parametrize(("name", "made"), [("default", RunConfiguration()), ("full", full())])
def test_golden_files(tmp_path: Path, name: str, made: RunConfiguration) -> None:
    written = made.save(tmp_path, name)
    assert written == str(tmp_path / ".azureml" / f"{name}.runconfig")
    assert Path(written).read_text() == (GOLDEN / f"{name}.runconfig").read_text()
    conda = tmp_path / ".azureml" / "conda_dependencies.yml"
    assert conda.read_text() == (GOLDEN / f"{name}_conda.yml").read_text()
    loaded = RunConfiguration.load(tmp_path, name)
    assert loaded.to_dict() == made.to_dict()
    assert isinstance(loaded.environment.spark, type(made.environment.spark))


def test_every_key_has_a_comment(tmp_path: Path) -> None:
    lines = Path(RunConfiguration().save(tmp_path, "x")).read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"\w", line):
            assert lines[number - 1].startswith("# "), line


def test_references_are_sections_again(tmp_path: Path) -> None:
    full().save(tmp_path, "x")
    reference = RunConfiguration.load(tmp_path, "x").data_references["images"]
    assert isinstance(reference, DataReferenceConfiguration)
    assert (reference.data_store_name, reference.path_on_data_store) == ("store", "a/b")


def test_datasets_are_sections_again(tmp_path: Path) -> None:
    made = full()
    made.save(tmp_path, "x")
    loaded: Any = RunConfiguration.load(tmp_path, "x")
    read: Any = loaded.data["Set_one"]
    assert isinstance(read, Data)
    place: Any = read.data_location
    assert place.dataset.dataset_name == "iris"
    left: Any = loaded.output_data["out"]
    assert isinstance(left, OutputData)
    left = left.additional_options
    assert left.upload_options.source_globs.glob_patterns == ["*.csv"]
    assert left.registration_options.tags == {"a": "b"}


def test_the_environment_in_a_file_of_its_own(tmp_path: Path) -> None:
    made = full()
    written = Path(made.save(tmp_path, "x", separate_environment_yaml=True))
    assert yaml.safe_load(written.read_text())["environment"] == ".azureml/environment.yml"
    assert yaml.safe_load((tmp_path / ".azureml/environment.yml").read_text())["name"] == "vision"
    assert RunConfiguration.load(tmp_path, "x").to_dict() == made.to_dict()


def test_aml_config_is_used_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "aml_config").mkdir()
    assert RunConfiguration().save(tmp_path, "x") == str(tmp_path / "aml_config" / "x.runconfig")
    RunConfiguration.delete(tmp_path, "x")
    assert not (tmp_path / "aml_config" / "x.runconfig").exists()


def test_a_file_may_be_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.runconfig"
    assert RunConfiguration("a.py").save(file) == str(file)
    assert (tmp_path / "conda_dependencies.yml").is_file()
    for path, name in ((file, None), (tmp_path, "mine"), (tmp_path, "mine.runconfig")):
        assert RunConfiguration.load(path, name).script == "a.py"


def test_a_name_with_a_suffix_is_kept_and_either_is_found(tmp_path: Path) -> None:
    assert RunConfiguration("a.py").save(tmp_path, "x.yml").endswith(".azureml/x.yml")
    assert RunConfiguration.load(tmp_path, "x.yml").script == "a.py"
    (tmp_path / ".azureml" / "verbatim").write_text("script: b.py\n")
    assert RunConfiguration.load(tmp_path, "verbatim").script == "b.py"


def test_it_is_saved_where_it_was_loaded(tmp_path: Path) -> None:
    RunConfiguration("a.py").save(tmp_path, "x")
    loaded = RunConfiguration.load(tmp_path, "x")
    loaded.script = "b.py"
    loaded.save()
    assert RunConfiguration.load(tmp_path, "x").script == "b.py"
    assert Path(RunConfiguration(_path=str(tmp_path), _name="y").save()).name == "y.runconfig"


def test_two_files_keep_their_own_packages(tmp_path: Path) -> None:
    for name in ("one", "two", "one"):
        made = RunConfiguration()
        made.environment.python.conda_dependencies.add_pip_package(name)
        made.save(tmp_path, name)
    for name in ("one", "two"):
        found = RunConfiguration.load(tmp_path, name).environment.python.conda_dependencies
        assert list(found.pip_packages) == [name]


def test_secrets_are_not_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = RunConfiguration()
    made.environment_variables = {"HF_TOKEN": "hunter2", "LEVEL": "1"}
    made.environment.docker.base_image_registry.password = "hunter2"
    with caplog.at_level(logging.WARNING):
        made.save(tmp_path, "x")
    assert "secrets are not written: password, HF_TOKEN; set them again" in caplog.text
    assert all("hunter2" not in p.read_text() for p in (tmp_path / ".azureml").iterdir())
    assert RunConfiguration.load(tmp_path, "x").environment_variables == {"LEVEL": "1"}


def load_text(folder: Path, text: str) -> RunConfiguration:
    (folder / "x.runconfig").write_text(text)
    return RunConfiguration.load(folder, "x")


@pytest.mark.parametrize(
    "text",
    [
        "nodeCount: 2\nmpi: {processCountPerNode: 3}\nenvironment: {python: {interpreterPath: /p}}",
        "node_count: 2\nmpi: {process_count_per_node: 3}\n"
        "environment: {python: {interpreter_path: /p}}",
        "NodeCount: 2\nMpi: {ProcessCountPerNode: 3}\nEnvironment: {Python: {InterpreterPath: /p}}",
    ],
)
def test_keys_of_any_case(tmp_path: Path, text: str) -> None:
    loaded = load_text(tmp_path, text)
    assert (loaded.node_count, loaded.mpi.process_count_per_node) == (2, 3)
    assert loaded.environment.python.interpreter_path == "/p"


def test_the_oldest_format(tmp_path: Path) -> None:
    (tmp_path / "conda.yml").write_text("dependencies:\n- pip:\n  - numpy\n")
    loaded = load_text(
        tmp_path,
        "ArgumentVector: [train.py, --lr, 0.1]\nTarget: local\nFramework: PySpark\n"
        "Communicator: None\nEnvironmentVariables: {A_b: x}\nPrepareEnvironment: true\n"
        "TrackedRun: true\nCondaDependenciesFile: conda.yml\n",
    )
    assert (loaded.script, loaded.arguments) == ("train.py", ["--lr", 0.1])
    assert (loaded.framework, loaded.environment_variables) == ("PySpark", {"A_b": "x"})
    dependencies = loaded.environment.python.conda_dependencies
    assert list(dependencies.pip_packages) == ["numpy"]


def test_what_is_not_known_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        load_text(tmp_path, "scirpt: a.py\ndocker: {fancy: 1}\n")
    assert "x.runconfig: not known and not used: scirpt, docker.fancy" in caplog.text


_WRONG = [
    ("b:\na: [", "is not a YAML file, see line 2: while parsing a flow node: "),
    ("- a", "is not a run configuration: it must hold keys and values such as"),
    ("docker: 3", "docker must be keys and values, not 3"),
    ("environment: none.yml", "environment names 'none.yml', which is neither in"),
    (
        "environment: {python: {condaDependenciesFile: none.yml}}",
        "condaDependenciesFile names 'none.yml', which is neither in",
    ),
    ("ArgumentVector: train.py", "ArgumentVector must be a list that begins with the script"),
]


@pytest.mark.parametrize(("text", "message"), _WRONG)
def test_files_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserErrorException, match=re.escape(message)) as raised:
        load_text(tmp_path, text)
    assert "x.runconfig" in str(raised.value)


def test_wrong_calls(tmp_path: Path) -> None:
    calls: list[tuple[Any, str]] = [
        (lambda: RunConfiguration().save(tmp_path), "is a folder; give the configuration a name"),
        (lambda: RunConfiguration().save(tmp_path, "a/b"), "name='a/b' is not the name of a file"),
        (
            lambda: RunConfiguration.load(tmp_path, "no"),
            f"Failed to load RunConfiguration from path={str(tmp_path)!r} name='no': there is no",
        ),
        (lambda: RunConfiguration.load(tmp_path), "name=None: it is no file; give the name"),
        (lambda: RunConfiguration.delete(tmp_path, "no"), "Failed to delete RunConfiguration"),
    ]
    for call, text in calls:
        with pytest.raises(UserErrorException, match=re.escape(text)):
            call()
    RunConfiguration().save(tmp_path, "there")
    with pytest.raises(UserErrorException, match="there are there in"):
        RunConfiguration.load(tmp_path, "no")


def test_a_script_run_config_loads_it_by_name(tmp_path: Path) -> None:
    RunConfiguration("a.py", ["--x", 1]).save(tmp_path, "mine")
    config = ScriptRunConfig(tmp_path, run_config="mine")
    assert (config.script, config.arguments) == ("a.py", ["--x", 1])
