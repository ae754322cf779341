"""Estimators of frameworks: what they add to an estimator, what they refuse and warn of."""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

import runyard
from runyard.environments import EnvironmentSpec, interpreters, resolve
from runyard.environments.environment import Environment
from runyard.errors import TrainingException, UserErrorException
from runyard.estimators.framework import FrameworkEstimator
from tests.estimators.signatures import SIGNATURES

CLASSES = ["Chainer", "PyTorch", "TensorFlow", "SKLearn"]
VERSIONS = {
    "Chainer": ("5.1.0", ["5.1.0", "7.0.0"]),
    "PyTorch": ("1.4", ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6"]),
    "TensorFlow": ("1.13", ["1.10", "1.12", "1.13", "2.0", "2.1", "2.2", "2.3"]),
    "SKLearn": ("0.20.3", ["0.20.3"]),
}
"""Default and supported versions of SDK v1."""

FITTING = {
    "Chainer": "chainer==5.1.0",
    "PyTorch": "torch==1.4.0",
    "TensorFlow": "tensorflow==1.13.1",
    "SKLearn": "scikit-learn==0.20.3",
}


def kind(name: str) -> Any:
    return getattr(runyard, name)


def said(make: Any) -> list[str]:
    """The warnings of a call, each as ``category: text``."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make()
    assert {item.filename for item in caught} <= {__file__}
    return [f"{item.category.__name__}: {item.message}" for item in caught]


@pytest.fixture
def python_3_6(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python is on this machine."""
    monkeypatch.setattr(interpreters, "find", lambda _: interpreters.running())


@pytest.mark.parametrize("name", CLASSES)
def test_the_signature_is_that_of_sdk_v1(name: str) -> None:
    first, *others = inspect.signature(kind(name)).parameters.values()
    shown = [first.name, *(f"{item.name}={item.default!r}" for item in others)]
    assert shown == SIGNATURES[name]
    assert {item.kind for item in others} == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("name", CLASSES)
def test_the_versions_are_those_of_sdk_v1_and_newer_ones(name: str) -> None:
    default, supported = VERSIONS[name]
    assert name == kind(name).FRAMEWORK_NAME
    assert default == kind(name).DEFAULT_VERSION
    found = kind(name).get_supported_versions()
    assert found[: len(supported)] == supported
    if name != "Chainer":
        assert len(found) > len(supported)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.usefixtures("python_3_6")
def test_without_a_version_it_is_the_default_with_a_warning(name: str) -> None:
    default, _ = VERSIONS[name]
    text = f"framework_version is not specified, defaulting to version {default}."
    with pytest.warns(UserWarning, match=re.escape(text)):
        estimator = kind(name)("src", compute_target="local", entry_script="train.py")
    assert estimator.framework_version == default
    assert next(estimator.conda_dependencies.conda_packages) == "python=3.6"
    assert FITTING[name] in estimator.conda_dependencies.pip_lines
    with pytest.raises(AttributeError):
        estimator.framework_version = "1"


@pytest.mark.parametrize("name", CLASSES)
def test_no_warning_where_the_version_decides_nothing(name: str) -> None:
    assert said(lambda: kind(name)("src", compute_target="local", user_managed=True)) == []
    definition = Environment("mine")
    definition.python.user_managed_dependencies = True
    found = said(
        lambda: kind(name)("src", compute_target="local", environment_definition=definition)
    )
    assert [text for text in found if "not specified" in text] == []


def test_no_warning_where_there_is_one_version(tmp_path: Path) -> None:
    one = """{"name": "One", "package": ["one"], "default": "1",
              "versions": {"1": {"python": ">=3.6", "pip": ["one"]}}}"""
    workspace = runyard.Workspace.create("work", path=tmp_path, show_output=False)
    folder = Path(workspace.directory.path) / "frameworks"
    folder.mkdir()
    (folder / "One.json").write_text(one)
    one_version = runyard.framework("One", workspace)
    assert said(lambda: one_version("src", compute_target="local")) == []


def test_an_unknown_version_is_refused() -> None:
    text = (
        "framework_version='1.4.0' is not supported by PyTorch; did you mean '1.4'? Supported are "
        "'1.0', '1.1', '1.2', '1.3', '1.4', '1.5', '1.6', '1.13', '2.13'. For any other use the "
        "generic estimator: Estimator(..., pip_packages=['torch==1.4.0'])"
    )
    with pytest.raises(TrainingException, match=re.escape(text)):
        runyard.PyTorch("src", compute_target="local", framework_version="1.4.0")
    number: Any = 1.4
    with pytest.raises(TrainingException, match=r"=1\.4 is not supported .* mean '1\.4'\?"):
        runyard.PyTorch("src", compute_target="local", framework_version=number)
    with pytest.raises(TrainingException, match=r"='9' is not supported by SKLearn\. Supported"):
        runyard.SKLearn("src", compute_target="local", framework_version="9")


def test_unknown_keywords_are_type_errors() -> None:
    for name, wrong, meant in (
        ("SKLearn", "framework", "framework_version"),
        ("TensorFlow", "workers_count", "worker_count"),
    ):
        with pytest.raises(TypeError, match=rf"argument '{wrong}'; did you mean {meant}\?"):
            kind(name)("src", compute_target="local", **{wrong: 1})
    with pytest.raises(TypeError, match=r"SKLearn.*unexpected keyword argument 'use_gpu'"):
        kind("SKLearn")("src", compute_target="local", use_gpu=True)


# Python


@pytest.mark.usefixtures("python_3_6")
def test_the_python_of_the_user_counts() -> None:
    estimator = runyard.Chainer(
        "src",
        compute_target="local",
        framework_version="5.1.0",
        conda_packages=["pip", "python=3.7"],
    )
    assert list(estimator.conda_dependencies.conda_packages) == ["python=3.7", "pip"]


@pytest.mark.parametrize("python", ["3.6", "3.6.2", "3", "3.*", ">=3.6", "3.7.1=h12debd9_0"])
def test_a_python_that_may_fit(python: str) -> None:
    packages = [f"python{python}" if python[0] == ">" else f"python={python}"]
    assert (
        said(
            lambda: runyard.Chainer(
                "src", compute_target="local", framework_version="5.1.0", conda_packages=packages
            )
        )
        == []
    )


@pytest.mark.parametrize("python", ["3.8", "3.11.4", ">=3.8", "<3.6"])
def test_a_python_that_does_not_fit_is_warned_of(python: str) -> None:
    packages = [f"python{python}" if python[0] in "<>" else f"python={python}"]
    assert said(
        lambda: runyard.Chainer(
            "src", compute_target="local", framework_version="5.1.0", conda_packages=packages
        )
    ) == [
        f"UserWarning: Python {python} is used, and the packages of Chainer 5.1.0 are made for "
        ">=3.6,<3.8; building the environment may fail"
    ]


def test_a_python_that_is_not_here_gives_way_to_one_in_the_range(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(_: object) -> None:
        raise UserErrorException("not here")

    monkeypatch.setattr(interpreters, "find", none)
    make: Any = runyard.Chainer
    python = ["python>=3.6,<3.8"]
    given: dict[str, Any]
    for given, expected in (
        ({}, python),
        ({"custom_docker_image": "image"}, python),
        # conda brings every Python
        ({"conda_packages": ["ffmpeg"]}, ["python=3.6", "ffmpeg"]),
    ):
        estimator = make("src", compute_target="local", framework_version="5.1.0", **given)
        assert list(estimator.conda_dependencies.conda_packages) == expected


def test_a_current_version_runs_under_the_python_that_submits() -> None:
    estimator = runyard.PyTorch("src", compute_target="local", framework_version="2.13")
    assert list(estimator.conda_dependencies.conda_packages) == ["python>=3.10,<3.15"]


# Packages

_OTHERS = "torchvision==0.5.0, numpy<1.20, tensorboard==1.14.0, future==0.17.1, protobuf<3.21"
_TEXT = (
    "UserWarning: {!r} is installed instead of {!r} of {}, which was not tried; beside it come {}. "
    "Where they do not fit together, building the environment fails"
)


@pytest.mark.usefixtures("python_3_6")
def test_packages_of_the_user_join_those_of_the_framework() -> None:
    found = said(
        lambda: runyard.PyTorch(
            "src", compute_target="local", framework_version="1.4", pip_packages=["tqdm==4"]
        )
    )
    assert found == []
    estimator = runyard.PyTorch(
        "src", compute_target="local", framework_version="1.4", pip_packages=["tqdm", "numpy"]
    )
    lines = estimator.conda_dependencies.pip_lines
    assert lines == ("tqdm", "numpy", "torch==1.4.0", *_OTHERS.split(", "))


@pytest.mark.parametrize(
    "line",
    [
        "numpy==1.21",
        "Numpy>=1.20",
        "numpy>1.20,<2",
        "numpy @ https://host/numpy-1.18-py3-none-any.whl",
        "https://host/numpy-1.18-py3-none-any.whl",
        "numpy==1.22; python_version < '3.8'",
    ],
)
@pytest.mark.usefixtures("python_3_6")
def test_a_pin_of_the_user_wins_with_a_warning(line: str) -> None:
    made: list[Any] = []
    found = said(
        lambda: made.append(
            runyard.PyTorch(
                "src", compute_target="local", framework_version="1.4", pip_packages=[line]
            )
        )
    )
    rest = f"torch==1.4.0, {_OTHERS.replace('numpy<1.20, ', '')}"
    (text,) = found
    _, _, end = _TEXT.format("", "numpy<1.20", "PyTorch 1.4", rest).partition("''")
    assert text.endswith(end)
    assert made[0].conda_dependencies.pip_lines[1:] == tuple(rest.split(", "))


@pytest.mark.parametrize(
    "lines",
    [
        ["torch==1.4.0", "torchvision==0.5.0"],
        ["torch>=1.2", "torchvision"],
        ["numpy==1.18.5"],
        ["numpy<1.19"],
        ["numpy>=1.16", "protobuf"],
        ["numpy>1.16,!=1.17", "future==0.17.*"],
        ["numpy~=1.18", "pillow>=6"],
    ],
)
@pytest.mark.usefixtures("python_3_6")
def test_a_pin_that_ours_goes_together_with_is_beside_it(lines: list[str]) -> None:
    made: list[Any] = []
    assert (
        said(
            lambda: made.append(
                runyard.PyTorch(
                    "src", compute_target="local", framework_version="1.4", pip_packages=lines
                )
            )
        )
        == []
    )
    assert made[0].conda_dependencies.pip_lines == (*lines, "torch==1.4.0", *_OTHERS.split(", "))


@pytest.mark.usefixtures("python_3_6")
def test_a_framework_of_the_user_frees_what_we_pin_beside_it() -> None:
    made: list[Any] = []
    given = ["torch==1.4.1"]
    found = said(
        lambda: made.append(
            runyard.PyTorch(
                "src", compute_target="local", framework_version="1.4", pip_packages=given
            )
        )
    )
    rest = "torchvision, numpy<1.20, tensorboard, future, protobuf<3.21"
    assert found == [_TEXT.format("torch==1.4.1", "torch==1.4.0", "PyTorch 1.4", rest)]
    assert made[0].conda_dependencies.pip_lines == ("torch==1.4.1", *rest.split(", "))
    assert given == ["torch==1.4.1"]


@pytest.mark.usefixtures("python_3_6")
def test_another_name_of_the_framework_is_the_framework() -> None:
    with pytest.warns(UserWarning, match=re.escape("'tensorflow-gpu==1.13.1' is installed inst")):
        estimator = runyard.TensorFlow(
            "src",
            compute_target="local",
            framework_version="1.13",
            pip_packages=["tensorflow-gpu==1.13.1"],
        )
    lines = estimator.conda_dependencies.pip_lines
    assert [line for line in lines if "tensorflow" in line] == ["tensorflow-gpu==1.13.1"]


@pytest.mark.usefixtures("python_3_6")
def test_a_pin_in_a_file_of_a_file_wins(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "requirements.txt").write_text("-r more.txt\ntqdm\n")
    (tmp_path / "sub" / "more.txt").write_text("joblib==0.14\n")
    with pytest.warns(UserWarning, match=re.escape("'joblib==0.14' is installed instead of")):
        estimator = runyard.SKLearn(
            tmp_path,
            compute_target="local",
            framework_version="0.20.3",
            pip_requirements_file="sub/requirements.txt",
            pip_packages=["rich"],
        )
    dependencies = estimator.conda_dependencies
    assert dependencies.pip_lines[:4] == ("-r more.txt", "tqdm", "rich", "scikit-learn==0.20.3")
    assert "joblib==0.13.2" not in dependencies.pip_lines
    # What is said relative to the file is still found there.
    assert dependencies.origins["-r more.txt"].file == str(tmp_path / "sub" / "requirements.txt")


@pytest.mark.usefixtures("python_3_6")
def test_a_constraint_of_the_user_wins_and_the_package_is_still_installed(tmp_path: Path) -> None:
    (tmp_path / "limits.txt").write_text("scipy==1.3\n")
    (tmp_path / "requirements.txt").write_text("-c limits.txt\n")
    with pytest.warns(
        UserWarning, match=re.escape("'scipy==1.3' is installed instead of 'scipy==")
    ):
        estimator = runyard.SKLearn(
            tmp_path,
            compute_target="local",
            framework_version="0.20.3",
            pip_requirements_file="requirements.txt",
        )
    lines = estimator.conda_dependencies.pip_lines
    assert [line for line in lines if line.startswith("scipy")] == ["scipy"]


def test_a_conda_package_of_the_user_wins() -> None:
    with pytest.warns(
        UserWarning, match=re.escape("'pytorch=1.4' is installed instead of 'torch=")
    ):
        estimator = runyard.PyTorch(
            "src", compute_target="local", framework_version="1.4", conda_packages=["pytorch=1.4"]
        )
    lines = estimator.conda_dependencies.pip_lines
    assert "torchvision" in lines
    assert [line for line in lines if line.startswith("torch=")] == []


@pytest.mark.usefixtures("python_3_6")
def test_nothing_of_the_caller_is_changed() -> None:
    given: dict[str, Any] = {"pip_packages": ["tqdm"], "conda_packages": ["pip"]}
    before = copy.deepcopy(given)
    for _ in range(2):
        estimator = runyard.Chainer(
            "src", compute_target="local", framework_version="7.0.0", **given
        )
    assert given == before
    assert list(estimator.conda_dependencies.pip_packages).count("tqdm") == 1


# The user's own environment


def test_an_environment_of_the_user_gets_no_packages(tmp_path: Path) -> None:
    definition = Environment("mine")
    before = repr(definition)
    made: list[Any] = []
    found = said(
        lambda: made.append(
            runyard.PyTorch(
                "src",
                compute_target="local",
                framework_version="1.4",
                environment_definition=definition,
            )
        )
    )
    text = "{} is given: PyTorch installs no packages of the framework. It must name all that"
    assert [
        item.startswith("UserWarning: " + text.format("environment_definition")) for item in found
    ] == [True]
    run_config = made[0].run_config
    assert run_config.environment is definition
    assert repr(definition) == before
    assert run_config.environment_variables == {"NCCL_TREE_THRESHOLD": "0"}
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.8, pip: [tqdm]]\n")
    with pytest.warns(UserWarning, match=re.escape(text.format("conda_dependencies_file"))):
        estimator = runyard.PyTorch(
            tmp_path,
            compute_target="local",
            framework_version="1.4",
            conda_dependencies_file="conda.yml",
        )
    assert estimator.conda_dependencies.pip_lines == ("tqdm",)


def test_an_interpreter_of_the_user_gets_no_packages() -> None:
    environment = runyard.Chainer(
        "src", compute_target="local", user_managed=True
    ).run_config.environment
    assert environment.python.user_managed_dependencies is True
    assert environment.python.conda_dependencies.pip_lines == ()


@pytest.mark.usefixtures("python_3_6")
def test_variables_of_the_framework_give_way_to_those_of_the_user() -> None:
    name = "NCCL_TREE_THRESHOLD"
    estimator = runyard.PyTorch(
        "src",
        compute_target="local",
        framework_version="1.4",
        environment_variables={"A": "1", name: "7"},
    )
    assert estimator.run_config.environment.environment_variables == {name: "0"}
    assert estimator.run_config.environment_variables == {"A": "1", name: "7"}
    definition = Environment("mine")
    definition.environment_variables = {name: "9"}
    with pytest.warns(UserWarning, match="environment_definition is given"):
        estimator = runyard.PyTorch(
            "src",
            compute_target="local",
            framework_version="1.4",
            environment_definition=definition,
        )
    assert estimator.run_config.environment_variables == {}


# _enable_optimized_mode


@pytest.mark.usefixtures("python_3_6")
def test_the_optimized_mode_builds_the_framework_first(tmp_path: Path) -> None:
    def planned(**given: Any) -> EnvironmentSpec:
        estimator = runyard.Chainer(
            tmp_path,
            compute_target="local",
            framework_version="5.1.0",
            _enable_optimized_mode=True,
            **given,
        )
        return resolve(estimator.run_config.environment, source_directory=tmp_path)

    alone, more = planned(), planned(pip_packages=["tqdm"])
    assert more.base is not None
    assert (alone.base, more.base.key, more.base.requirements) == (
        None,
        alone.key,
        alone.requirements,
    )
    assert set(more.requirements) == {*alone.requirements, "tqdm"}
    assert planned(pip_packages=["six"]).base == more.base
    # mpi4py is built against the MPI runtime, which is not in the base.
    with_mpi = planned(pip_packages=["six"], distributed_training=runyard.MpiConfiguration())
    assert with_mpi.base is None


@pytest.mark.usefixtures("python_3_6")
def test_the_optimized_mode_says_nothing_more() -> None:
    assert not said(
        lambda: runyard.Chainer(
            "src", compute_target="local", framework_version="5.1.0", _enable_optimized_mode=True
        )
    )


@pytest.mark.usefixtures("python_3_6")
@pytest.mark.filterwarnings("ignore:'chainer==6.0.0' is installed instead")
def test_a_package_of_the_users_own_in_place_of_one_leaves_no_base() -> None:
    estimator = runyard.Chainer(
        "src",
        compute_target="local",
        framework_version="5.1.0",
        pip_packages=["chainer==6.0.0"],
        _enable_optimized_mode=True,
    )
    assert estimator.run_config.environment.python.base_packages is None


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"environment_definition": Environment("e")}, "and environment_definition are both given"),
        ({"custom_docker_image": "i"}, "=True and custom_docker_image are both given; the first"),
        ({"custom_docker_base_image": "i"}, "and custom_docker_base_image are both given"),
        ({"entry_script": "a.IPYNB"}, "is not for notebooks ('a.IPYNB'); leave it out"),
    ],
)
@pytest.mark.filterwarnings("ignore:environment_definition is given")
def test_what_the_optimized_mode_is_not_for(given: dict[str, Any], text: str) -> None:
    with pytest.raises(TrainingException, match=re.escape(text)):
        runyard.Chainer(
            "src",
            compute_target="local",
            framework_version="5.1.0",
            _enable_optimized_mode=True,
            **given,
        )


# More processes


@pytest.mark.parametrize(
    ("name", "backend", "text"),
    [
        (
            "Chainer",
            "gloo",
            "distributed_backend='gloo' is not supported; this estimator knows 'mp",
        ),
        ("PyTorch", "ps", "this estimator knows 'mpi', 'gloo', 'nccl'"),
        ("TensorFlow", "nccl", "this estimator knows 'mpi', 'ps'"),
    ],
)
@pytest.mark.filterwarnings("ignore:distributed_backend:DeprecationWarning")
def test_backends(name: str, backend: str, text: str) -> None:
    version = kind(name).DEFAULT_VERSION
    with pytest.raises(TrainingException, match=re.escape(text)):
        kind(name)(
            "src", compute_target="local", framework_version=version, distributed_backend=backend
        )


@pytest.mark.usefixtures("python_3_6")
def test_workers_and_servers_are_deprecated() -> None:
    text = (
        "DeprecationWarning: {0} is deprecated; write "
        "distributed_training=TensorflowConfiguration({0}=2). "
        "Without distributed_backend='ps' it has no effect"
    )
    common: dict[str, Any] = {
        "source_directory": "src",
        "compute_target": "local",
        "framework_version": "2.0",
    }
    for name in ("worker_count", "parameter_server_count"):
        given: dict[str, Any] = {name: 2}
        found = said(functools.partial(runyard.TensorFlow, **common, **given))
        assert found == [text.format(name)]
        given = {name: 0}
        wrong = rf"{name} is 0; give a number of processes, at least 1"
        with pytest.raises(TrainingException, match=wrong):
            runyard.TensorFlow(**common, **given)


# Classes


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.usefixtures("python_3_6")
def test_subclasses_work(name: str) -> None:
    parent: Any = kind(name)

    class Mine(parent):  # type: ignore[misc]
        DEFAULT_VERSION = parent.get_supported_versions()[-1]

        def __init__(self, source_directory: str, **parameters: Any) -> None:
            super().__init__(source_directory, entry_script="mine.py", **parameters)

    with pytest.warns(UserWarning, match=f"to version {Mine.DEFAULT_VERSION}"):
        estimator = Mine("src", compute_target="local", script_params={"-v": ""})
    assert repr(estimator) == "Mine('src', entry_script='mine.py', compute_target='local')"
    assert estimator.run_config.arguments == ["-v"]
    assert estimator.framework_version == Mine.DEFAULT_VERSION
    assert isinstance(estimator, runyard.Estimator)
    assert Mine.get_supported_versions() == parent.get_supported_versions()


def test_a_class_of_ones_own_names_a_framework() -> None:
    class Boosted(FrameworkEstimator):
        FRAMEWORK_NAME = "XGBoost"

    assert Boosted.DEFAULT_VERSION == runyard.framework("XGBoost").DEFAULT_VERSION
    estimator = Boosted("src", compute_target="local", framework_version="3.2")
    assert "xgboost-cpu==3.2.0" in estimator.conda_dependencies.pip_lines
    with pytest.raises(TypeError, match=r"FrameworkEstimator has no FRAMEWORK_NAME; use PyTorch"):
        FrameworkEstimator("src", compute_target="local")


def test_the_azureml_tree_has_them() -> None:
    tree = {
        name: importlib.import_module(f"runyard.azureml.train.{name}")
        for name in ("dnn", "estimator", "sklearn")
    }
    descriptors = ["Gloo", "Mpi", "Nccl", "ParameterServer"]
    assert sorted(tree["dnn"].__all__) == sorted(["Chainer", "PyTorch", "TensorFlow", *descriptors])
    for name in ("Chainer", "PyTorch", "TensorFlow"):
        assert getattr(tree["dnn"], name) is kind(name)
    assert tree["sklearn"].SKLearn is runyard.SKLearn
    assert issubclass(tree["estimator"].Estimator, tree["estimator"].MMLBaseEstimator)
    assert tree["estimator"]._FrameworkBaseEstimator is FrameworkEstimator
    assert "MMLBaseEstimator" in dir(tree["estimator"])
