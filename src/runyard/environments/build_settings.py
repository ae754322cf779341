"""What uv is given for one build, from pip's settings and the options of the plan."""

from __future__ import annotations

from runyard.environments import pip_settings, uv_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from runyard.environments.spec import EnvironmentSpec


class BuildSettings:
    """``variables`` and ``arguments`` for uv, the ``secrets`` among them, and ``before_exec``.

    ``nested``: the options that are lines of a requirements file for uv, not settings of ours.

    Raises UserErrorException when a configuration file of pip cannot be read.
    """

    def __init__(self, spec: EnvironmentSpec) -> None:
        settings = pip_settings.read().with_options(spec.options)
        self.variables = uv_program.environment(settings.uv_environment())
        self.arguments = settings.uv_arguments()
        self.nested = [o for o in spec.options if o.startswith(("--requirement", "--constr"))]
        secrets = set(settings.secrets())
        for line in (*spec.requirements, *spec.constraints, *spec.options):
            secrets.update(pip_settings.variables_in(line))
        self.secrets = frozenset(secrets)
        self.before_exec = uv_program.death_with_parent()
