"""The exact packages of a run, as a requirements file, or a conda file where conda has a part."""

from __future__ import annotations

from runyard.cli import output
from runyard.environments import locking
from runyard.errors import UserErrorException
from runyard.record.layout import RunDirectory


def show(run: RunDirectory, as_json: bool) -> None:
    """Print them. Raises UserErrorException where no list was kept."""
    built = locking.built(run)
    environment = locking.of_run(run)
    if not isinstance(built.get("lock"), list):
        raise UserErrorException(
            f"run {run.id} used the interpreter {environment.python.interpreter_path} as it is, "
            "and no list of its packages was kept, as this version of runyard does"
        )
    dependencies = environment.python.conda_dependencies
    is_conda = built["kind"] == "conda"
    if as_json:
        conda = {
            "channels": list(dependencies.conda_channels),
            "conda_packages": list(dependencies.conda_packages),
        }
        output.to_json(
            {
                "run_id": run.id,
                "python_version": built["python_version"],
                **(conda if is_conda else {}),
                "requirements": list(dependencies.pip_lines),
            }
        )
        return
    interpreter = environment.python.user_managed_dependencies
    used = f", {environment.python.interpreter_path} used as it was" if interpreter else ""
    output.text(f"# Python {built['python_version']}{used}")
    if is_conda:
        output.text(dependencies.serialize_to_string().rstrip())
        return
    for line in dependencies.pip_lines:
        output.text(line)
