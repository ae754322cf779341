"""The exact packages of a run, as a requirements file."""

from __future__ import annotations

from runyard.cli import output
from runyard.environments import locking
from runyard.errors import UserErrorException
from runyard.record.layout import RunDirectory


def show(run: RunDirectory, as_json: bool) -> None:
    """Print them. Raises UserErrorException where nothing was installed for the run."""
    built = locking.built(run)
    environment = locking.of_run(run)
    if environment.python.user_managed_dependencies:
        raise UserErrorException(
            f"run {run.id} used the interpreter {environment.python.interpreter_path} as it is; "
            "nothing was installed for it, so there is no lock"
        )
    lines = environment.python.conda_dependencies.pip_lines
    if as_json:
        output.to_json(
            {
                "run_id": run.id,
                "python_version": built["python_version"],
                "requirements": list(lines),
            }
        )
        return
    output.text(f"# Python {built['python_version']}")
    for line in lines:
        output.text(line)
