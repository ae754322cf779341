"""Requirement lines and files, read before anything starts."""

from pathlib import Path

import pytest

from runyard.environments import Environment, resolve
from runyard.errors import UserErrorException
from tests.environments.conftest import Plan
from tests.wheelhouse import GatedProject, Wheelhouse


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("tensorflow-gpu=1.12.0", "did you mean tensorflow-gpu==1.12.0"),
        ("numpy=1.2=py36_0", "did you mean numpy==1.2"),
        ("numpy=>1.2", "did you mean numpy>=1.2"),
        ("numpy 1.2", "did you mean numpy==1.2"),
        ("numpy>=", "cannot be used: "),
        ("two words", "cannot be used: "),
        ("--frobnicate x", "the option --frobnicate is not known; allowed are --requirement"),
        ("--index-url", "the option --index-url needs a value"),
        ("--pre yes", "the option --pre takes no value"),
        ("./gone.whl", "there is no '"),
        ("-r gone.txt", "there is no '"),
        ("-e .", "holds no pyproject.toml and no setup.py"),
        ("a @ https://me:secret-word@host/a.whl", "it holds a password"),
    ],
)
def test_a_bad_line_is_named_with_its_place(plan: Plan, line: str, reason: str) -> None:
    with pytest.raises(UserErrorException) as raised:
        plan("numpy", line)
    message = str(raised.value)
    assert reason in message
    assert "(pip packages, line 2)" in message
    assert line.replace("me:secret-word@", "") in message
    assert "secret-word" not in message


def test_a_bad_line_of_a_file_is_named_with_file_and_line(source: Path) -> None:
    file = source / "requirements.txt"
    file.write_text("# versions\nnumpy\ntensorflow-gpu=1.12.0\n")
    environment = Environment.from_pip_requirements("x", file)
    with pytest.raises(UserErrorException) as raised:
        resolve(environment, source_directory=source)
    assert f"'tensorflow-gpu=1.12.0' ({file}, line 3) cannot be used" in str(raised.value)


def test_a_bad_line_of_a_conda_file_is_named_with_file_and_line(source: Path) -> None:
    file = source / "env.yml"
    file.write_text("dependencies:\n- pip:\n  - numpy=1\n")
    environment = Environment.from_conda_specification("x", file)
    with pytest.raises(UserErrorException) as raised:
        resolve(environment, source_directory=source)
    assert f"'numpy=1' ({file}, line 3)" in str(raised.value)


def test_comments_continuations_hashes_and_markers(plan: Plan) -> None:
    spec = plan(
        "numpy >= 1  # why",
        "# nothing",
        "",
        "scipy ; \\",
        "  python_version < '4'",
        "six==1.0 --hash=sha256:aa --hash=sha256:bb",
    )
    assert spec.requirements == (
        "numpy>=1",
        "scipy; python_version < '4'",
        "six==1.0 --hash=sha256:aa --hash=sha256:bb",
    )


def test_nested_files_and_constraints(plan: Plan, source: Path) -> None:
    (source / "more").mkdir()
    (source / "base.txt").write_text("numpy>=1\n-r more/deep.txt\n")
    (source / "more" / "deep.txt").write_text("scipy\n-c limits.txt\n")
    (source / "more" / "limits.txt").write_text("numpy<2\n")
    spec = plan("-r base.txt", "six")
    assert spec.requirements == ("numpy>=1", "scipy", "six")
    assert spec.constraints == ("numpy<2",)


def test_files_that_name_each_other_are_refused(plan: Plan, source: Path) -> None:
    (source / "a.txt").write_text("-r b.txt\n")
    (source / "b.txt").write_text("-r a.txt\n")
    with pytest.raises(UserErrorException, match="the files form a ring"):
        plan("-r a.txt")


def test_options_get_their_long_names(plan: Plan, source: Path) -> None:
    (source / "wheels").mkdir()
    spec = plan("-f wheels", "-ihttps://h/simple", "--pre", "--pre", "--prefer-binary", "six")
    assert spec.options == (
        f"--find-links {source}/wheels",
        "--index-url https://h/simple",
        "--pre",
    )
    assert "the option --prefer-binary is not needed here and was left out" in spec.notices


def test_a_password_of_an_option_is_left_out_with_a_notice(plan: Plan) -> None:
    spec = plan("--extra-index-url https://me:secret-word@host/simple", "six")
    assert spec.options == ("--extra-index-url https://host/simple",)
    assert "secret-word" not in str(spec)
    assert any("put it into pip.conf" in notice for notice in spec.notices)


def test_a_password_may_be_a_variable(plan: Plan) -> None:
    spec = plan("--index-url https://${USER}:${TOKEN}@host/simple", "six")
    assert spec.options == ("--index-url https://${USER}:${TOKEN}@host/simple",)


@pytest.mark.parametrize("line", ["azureml-train", "azureml.core>=1", "azureml", "AzureML_SDK"])
def test_azureml_is_not_installed(plan: Plan, line: str) -> None:
    spec = plan(line, "six")
    assert spec.requirements == ("six",)
    assert len(spec.notices) == 1
    assert "is not installed: runyard provides azureml itself" in spec.notices[0]


def test_local_packages_become_absolute(plan: Plan, source: Path) -> None:
    Wheelhouse(source).add("local")
    GatedProject.make(source / "project")
    wheel = "local-1.0-py3-none-any.whl"
    spec = plan(f"./{wheel}", "-e ./project", "./project[all]", f"local @ file://{source}/{wheel}")
    assert spec.requirements == (
        f"{source}/{wheel}",
        f"-e {source}/project",
        f"{source}/project[all]",
        f"local @ file://{source}/{wheel}",
    )


def test_the_address_of_a_wheel_is_no_path(plan: Plan) -> None:
    address = "https://host/local-1.0-py3-none-any.whl"
    assert plan(address).requirements == (address,)


def test_the_content_of_a_local_package_is_part_of_the_key(plan: Plan, source: Path) -> None:
    Wheelhouse(source).add("local")
    before = plan("./local-1.0-py3-none-any.whl").key
    assert plan("./local-1.0-py3-none-any.whl").key == before
    Wheelhouse(source).add("local", content=b"other")
    assert plan("./local-1.0-py3-none-any.whl").key != before


def test_code_of_an_editable_project_is_not_part_of_the_key(plan: Plan, source: Path) -> None:
    project = GatedProject.make(source / "project").folder
    editable, copied = plan("-e ./project").key, plan("./project").key
    (project / "code.py").write_text("1")
    assert plan("-e ./project").key == editable
    assert plan("./project").key != copied
    (project / "setup.cfg").write_text("[metadata]")
    assert plan("-e ./project").key != editable
