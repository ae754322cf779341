"""The container of a run: what the configuration asks of it, and what is left without effect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from runyard.config.jobspec import ContainerSpec
from runyard.config.sections import DockerConfiguration
from runyard.containers import arguments
from runyard.errors import RunConfigurationException, UserErrorException

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runyard.config.run_configuration import RunConfiguration
    from runyard.environments.spec import EnvironmentSpec

NO_CONTAINER = "use_docker is True but no image is named: no container is used"
SHARED = (
    "docker.shared_volumes=False has no effect: the workspace is always mounted into the container "
    "(it was a way around a fault on Windows)"
)

_SHM_SIZE = DockerConfiguration().shm_size
_SIZE = re.compile(r"\d+[bkmg]?", re.IGNORECASE)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def spec(run_config: RunConfiguration, environment: EnvironmentSpec) -> ContainerSpec | None:
    """How the run's container is to be started; None where no image is named (spec 5).

    What ``RunConfiguration.docker`` leaves at its default is taken from the deprecated attributes
    of ``environment.docker``. Raises RunConfigurationException for a setting that cannot be used,
    UserErrorException for an argument that a run cannot have.
    """
    if environment.image is None:
        return None
    return ContainerSpec(
        shm_size=_size(_setting(run_config, "shm_size") or _SHM_SIZE),
        arguments=_arguments(_setting(run_config, "arguments")),
    )


def check_variables(names: Iterable[str]) -> None:
    """Raise UserErrorException for a variable that the shell in a container cannot set."""
    wrong = [name for name in names if not _IDENTIFIER.fullmatch(name)]
    if wrong:
        raise UserErrorException(
            f"environment_variables: {', '.join(map(repr, wrong))} cannot be set in a container; "
            "a name is made of letters, digits and '_', and does not begin with a digit"
        )


def without_effect(run_config: RunConfiguration, environment: EnvironmentSpec) -> list[str]:
    """Settings that change nothing, one sentence each: all, where there is no container."""
    if environment.image is not None:
        left_out = arguments.check(_setting(run_config, "arguments")).notices
        return left_out if _setting(run_config, "shared_volumes") else [*left_out, SHARED]
    notices = [NO_CONTAINER] if run_config.docker.use_docker else []
    fresh = DockerConfiguration()
    for name in ("arguments", "shm_size"):
        value = _setting(run_config, name)
        if value and value != getattr(fresh, name):
            notices.append(
                f"docker.{name}={value!r} has no effect: no image is named, so that the run uses "
                "no container"
            )
    registry = run_config.environment.docker.base_image_registry
    if registry.address:
        notices.append(
            f"docker.base_image_registry ({registry.address}) has no effect: no image is named"
        )
    return notices


def _setting(run_config: RunConfiguration, name: str) -> Any:
    own = getattr(run_config.docker, name)
    if own == getattr(DockerConfiguration(), name):
        return getattr(run_config.environment.docker, name)
    return own


def _size(given: object) -> str:
    if not isinstance(given, str) or not _SIZE.fullmatch(given):
        raise RunConfigurationException(
            f"docker.shm_size={given!r} is not a size; give a whole number with b, k, m or g "
            "behind it, such as '8g'"
        )
    return given


def _arguments(given: object) -> tuple[str, ...]:
    if not isinstance(given, (list, tuple)) or not all(isinstance(item, str) for item in given):
        raise RunConfigurationException(
            f"docker.arguments={given!r} is not a list of text; give options of `docker run`, such "
            "as ['--cap-add=SYS_PTRACE', '-v', '/data:/data']"
        )
    return tuple(arguments.check(given).arguments)
