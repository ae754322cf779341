"""Environments described by images: kept, checked, and refused when a run needs them."""

import io
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from runyard.environments import Environment
from runyard.environments.container_sections import ContainerRegistry, DockerBuildContext
from runyard.environments.docker_section import DockerSection
from runyard.environments.other_sections import RSection, SparkPackage
from runyard.errors import UserErrorException


def test_an_image_is_described_with_its_registry() -> None:
    registry = ContainerRegistry()
    registry.address = "host"
    registry.password = "hunter2"
    environment = Environment.from_docker_image("train", "image:1", registry)
    assert environment.docker.base_image == "image:1"
    assert environment.docker.base_image_registry is registry
    assert environment.python.user_managed_dependencies
    assert "hunter2" not in repr(registry) + repr(environment)


def test_packages_go_into_the_image(tmp_path: Path) -> None:
    pip = tmp_path / "requirements.txt"
    pip.write_text("numpy\n")
    conda = tmp_path / "env.yml"
    conda.write_text("dependencies:\n- pip:\n  - scipy\n")
    made = Environment.from_docker_image("a", "image", pip_requirements=pip)
    assert list(made.python.conda_dependencies.pip_packages) == ["numpy"]
    made = Environment.from_dockerfile("a", "FROM image", conda_specification=conda)
    assert list(made.python.conda_dependencies.pip_packages) == ["scipy"]
    assert not made.python.user_managed_dependencies
    with pytest.raises(UserErrorException, match="conda_specification and pip_requirements are"):
        Environment.from_docker_image("a", "i", None, conda, pip)


def test_a_dockerfile_is_text_a_path_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text("FROM image\n")
    for given in ("FROM image\n", path, str(path), io.StringIO("FROM image\n"), path.open("rb")):
        made = Environment.from_dockerfile("train", given)
        assert made.docker.base_dockerfile == "FROM image\n"
        if hasattr(given, "close"):
            given.close()


def test_a_build_context(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM image\n")
    context = DockerBuildContext.from_local_directory(None, tmp_path)
    assert (context.location_type, context.location) == ("local", str(tmp_path))
    made = Environment.from_docker_build_context("train", context)
    assert made.docker.images() == {"build_context": context}
    with pytest.raises(FileNotFoundError, match="there is no file 'Other' in"):
        DockerBuildContext.from_local_directory(None, tmp_path, "Other")
    with pytest.raises(FileNotFoundError, match="there is no folder '/nowhere'"):
        DockerBuildContext.from_local_directory(None, "/nowhere")


_WRONG: list[tuple[str, Any, type[Exception], str]] = [
    ("base_dockerfile", Path("/no/file"), FileNotFoundError, "there is no file '/no/file'"),
    (
        "base_dockerfile",
        "no/file",
        UserErrorException,
        "is neither a file nor the text of a",
    ),
    ("base_dockerfile", 3, UserErrorException, "is 3 of type int; give the text of a Dockerfile"),
    ("base_image", 3, UserErrorException, "docker.base_image is 3 of type int; give the name of"),
    ("build_context", "x", UserErrorException, "is 'x' of type str; give a DockerBuildContext"),
    ("base_image_registry", None, UserErrorException, "give a ContainerRegistry"),
    (
        "arguments",
        "--ipc=host",
        UserErrorException,
        "arguments is '--ipc=host'; give a list",
    ),
    ("base_imgae", "x", AttributeError, "DockerSection has no attribute 'base_imgae'; did you"),
]


@pytest.mark.parametrize(("name", "value", "kind", "text"), _WRONG)
def test_wrong_values(name: str, value: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=re.escape(text)):
        setattr(DockerSection(), name, value)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("enabled", True, True),
        ("shared_volumes", False, False),
        ("arguments", ["-v"], ["-v"]),
        ("shm_size", "8g", "8g"),
        ("gpu_support", False, True),
    ],
)
def test_deprecated_attributes_warn(
    caplog: pytest.LogCaptureFixture, name: str, value: Any, kept: Any
) -> None:
    section = DockerSection()
    with caplog.at_level(logging.WARNING):
        assert not caplog.records
        setattr(section, name, value)
    assert f"docker.{name} is deprecated" in caplog.text
    assert getattr(section, name) == kept


def test_an_environment_that_is_read_warns_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    section = DockerSection()
    with caplog.at_level(logging.WARNING):
        for name in ("enabled", "shared_volumes", "arguments", "shm_size", "gpu_support"):
            setattr(section, name, getattr(section, name))
    assert not caplog.records


def test_other_sections_are_kept_and_know_their_names(tmp_path: Path) -> None:
    environment = Environment("train")
    environment.r = RSection()
    environment.r.r_version = "3.6"
    environment.spark.packages = [SparkPackage("g", "a", "1")]
    environment.save_to_directory(tmp_path / "saved")
    found = Environment.load_from_directory(tmp_path / "saved")
    assert found.r is not None
    assert found.r.r_version == "3.6"
    assert found.spark.packages[0].artifact == "a"
    with pytest.raises(AttributeError, match="RSection has no attribute 'version'; did you mean"):
        environment.r.version = "1"
