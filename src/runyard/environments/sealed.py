"""Environments that cannot be changed: what they are made of, and what a change is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from runyard.environments.conda_dependencies import CondaDependencies
from runyard.environments.environment import Environment
from runyard.environments.sections import Section
from runyard.errors import UserErrorException

if TYPE_CHECKING:
    from collections.abc import Callable

_EDITS = (
    "set_python_version",
    "add_channel",
    "remove_channel",
    "add_conda_package",
    "remove_conda_package",
    "add_pip_package",
    "remove_pip_package",
    "set_pip_option",
    "remove_pip_option",
    "set_pip_index_url",
    "set_pip_requirements",
    "read_pip_requirements",
    "add_tensorflow_pip_package",
    "add_tensorflow_conda_package",
    "add_cntk_package",
)
_DICT_EDITS = ("__setitem__", "__delitem__", "clear", "pop", "popitem", "setdefault", "update")


class SealedDependencies(CondaDependencies):
    """Packages that can be read and not changed."""

    reason = ""


class SealedDict(dict[str, Any]):
    """A dict that can be read and not changed; copies of it can be."""

    reason = ""

    def __deepcopy__(self, memo: object) -> SealedDict:
        return self

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)


class SealedEnvironment(Environment):
    """An environment whose attributes and packages cannot be set; ``clone`` gives one that can."""

    def _copied(self) -> Environment:
        from runyard.environments import definition

        return definition.read(definition.of(self), f"environment {self.name!r}")


def sealed(environment: Environment, reason: str) -> SealedEnvironment:
    """The same content, sealed: a change raises UserErrorException with the reason."""
    twin = SealedEnvironment(environment.name)
    twin.__dict__.update(vars(environment))
    dependencies = SealedDependencies(
        _underlying_structure=environment.python.conda_dependencies.as_dict()
    )
    dependencies.reason = reason
    twin.python.conda_dependencies = dependencies
    variables = SealedDict(environment.environment_variables)
    variables.reason = reason
    twin.environment_variables = variables
    _seal(twin, reason)
    return twin


def _seal(section: Section, reason: str) -> None:
    for name, value in list(vars(section).items()):
        if isinstance(value, Section):
            _seal(value, reason)
        elif isinstance(value, list):
            section.__dict__[name] = tuple(value)
    section.__dict__["_sealed"] = reason


def _refused(name: str) -> Callable[..., NoReturn]:
    def refuse(self: Any, *_: object, **__: object) -> NoReturn:
        raise UserErrorException(f"{name.strip('_')} cannot be used: {self.reason}")

    return refuse


for _name in _EDITS:
    setattr(SealedDependencies, _name, _refused(_name))
for _name in _DICT_EDITS:
    setattr(SealedDict, _name, _refused(_name))
