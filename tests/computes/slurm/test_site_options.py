"""Options of sbatch that a site adds."""

from __future__ import annotations

from pathlib import Path

import pytest

from runyard.computes.slurm import site_options
from runyard.computes.slurm.commands import Slurm
from runyard.errors import ComputeTargetException
from tests.slurm_cluster import SlurmCluster

HELP = """\
Usage: sbatch [OPTIONS(0)...] [ : [OPTIONS(N)]] script(0) [args(0)...]

Parallel run options:
  -a, --array=indexes         job array index values
      --bb=<spec>             burst buffer specifications
  -b, --begin=time            defer job until HH:MM MM/DD/YY
      --exclusive[=user]      allocate nodes in exclusive mode when
                              cpu consumable resource --mem is enabled
  -H, --hold                  submit job in held state
      --hint=                 Bind tasks according to application hints
  -C, --constraint=list       specify a list of constraints
"""


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    """An sbatch that only knows what HELP says."""
    program = tmp_path / "sbatch"
    program.write_text(
        '#!/bin/sh\ncase "$1" in\n'
        "--help) cat <<'END'\n" + HELP + "END\n;;\n"
        "--hint) echo \"sbatch: option '--hint' requires an argument\" >&2; exit 1 ;;\n"
        "--hint=nomultithread | --exclusive | --exclusive=user | --version) "
        "echo slurm 99.1.2 ;;\n"
        "--begin=*) echo 'sbatch: error: Invalid time' >&2; exit 1 ;;\n"
        "*) echo \"sbatch: unrecognized option '$1'\" >&2; exit 1 ;;\nesac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return Slurm()


def refusal(given: object) -> str:
    with pytest.raises(ComputeTargetException) as caught:
        site_options.listed(given)
    return caught.value.message


def test_a_dict_and_a_list_say_the_same() -> None:
    given = {"hint": "nomultithread", "exclusive": True, "switches": 1, "hold": None, "x": False}
    words = ["--hint=nomultithread", "--exclusive", "--switches=1"]
    assert site_options.listed(given) == words
    assert site_options.listed(words) == words
    assert site_options.listed({"mem_per_cpu": "2G"}) == ["--mem-per-cpu=2G"]
    assert site_options.listed(None) == []


def test_what_runyard_sets_is_refused_by_name() -> None:
    assert refusal(["--partition=gpu"]) == (
        "sbatch_options: --partition is set by runyard; use instead: partition=..."
    )
    assert refusal({"time": 10}) == (
        "sbatch_options: --time is set by runyard; use instead: max_run_duration_seconds of the run"
    )
    for name in site_options.OURS:
        assert f"--{name} is set by runyard" in refusal([f"--{name}"])


def test_anything_else_is_refused() -> None:
    assert refusal("--hold") == (
        "sbatch_options='--hold' is of type str; give a dict such as {'hint': 'nomultithread', "
        "'exclusive': True}, or a list such as ['--hint=nomultithread', '--exclusive']"
    )
    assert refusal(["-p"]) == (
        "sbatch_options: '-p' is no long option of sbatch; write it as '--name=value', or '--name' "
        "where it takes no value"
    )
    assert refusal({"a b": 1}) == (
        "sbatch_options: 'a b' is not the name of an option of sbatch; see: sbatch --help"
    )


def test_the_help_of_sbatch_says_which_options_there_are() -> None:
    names = ["array", "bb", "begin", "exclusive", "hold", "hint", "constraint"]
    assert site_options.parse_help(HELP) == names


def test_an_option_the_installed_sbatch_does_not_know(stub: Slurm) -> None:
    site_options.check(stub, ["--hint=nomultithread", "--exclusive", "--exclusive=user"])
    with pytest.raises(ComputeTargetException) as caught:
        site_options.check(stub, ["--exclusiv"])
    assert caught.value.message == (
        "sbatch_options: the sbatch installed here (slurm 99.1.2) knows no --exclusiv; did you "
        "mean --exclusive? It lists its options: sbatch --help"
    )
    with pytest.raises(ComputeTargetException) as caught:
        site_options.check(stub, ["--hint"])
    assert caught.value.message == "sbatch_options: --hint takes a value: {'hint': ...}"
    with pytest.raises(ComputeTargetException) as caught:
        site_options.check(stub, ["--begin=never"])
    assert caught.value.message == ("sbatch_options: --begin=never: sbatch failed: Invalid time")


def test_the_real_sbatch_knows_what_sites_use(slurm: SlurmCluster) -> None:
    installed = Slurm(str(slurm.conf))
    site_options.check(installed, ["--hint=nomultithread", "--exclusive", "--mail-type=END"])
    with pytest.raises(ComputeTargetException, match="knows no --no-such-thing"):
        site_options.check(installed, ["--no-such-thing"])
    with pytest.raises(ComputeTargetException, match="--begin: sbatch failed"):
        site_options.check(installed, ["--begin"])


def test_a_machine_without_a_configuration_says_what_to_do(
    stub: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ComputeTargetException) as caught:
        site_options.check(Slurm(str(tmp_path / "slurm.conf")), ["--exclusive"])
    assert caught.value.message == (
        f"sbatch_options: --exclusive: {tmp_path}/slurm.conf (slurm_conf of the compute target) "
        "is not on this machine: work on a login node of the cluster, or attach it with another "
        "slurm_conf"
    )
    text = "sbatch: fatal: Could not establish a configuration source"
    (tmp_path / "sbatch").write_text(f"#!/bin/sh\necho '{text}' >&2; exit 1\n")
    with pytest.raises(ComputeTargetException) as caught:
        stub.run("sbatch", "--help")
    assert caught.value.message == (
        "sbatch finds no configuration of Slurm on this machine: give the target its slurm_conf, "
        "or set SLURM_CONF to it"
    )
