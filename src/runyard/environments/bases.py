"""Which part of an environment's packages is built first, for others to be made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from runyard.environments import requirement_lines
from runyard.environments.names import package_name
from runyard.environments.requirement_lines import Requirements

if TYPE_CHECKING:
    from runyard.environments.environment import Environment


def part_of(
    environment: Environment, wanted: Requirements, source_directory: Path
) -> tuple[Requirements | None, list[str]]:
    """What ``python.base_packages`` asks for, and notices where it asks in vain.

    With the options and constraints of all packages, which decide versions and places. None where
    there is nothing beside them to install, or where they are not among the packages asked for.
    """
    lines = environment.python.base_packages
    if not lines:
        return None, []
    part = requirement_lines.read(lines, {}, source_directory)
    left = [line for line in part.requirements if line not in wanted.requirements]
    if left:
        return None, [
            f"python.base_packages is not used: {', '.join(left)} is not among the pip packages"
        ]
    if len(part.requirements) == len(wanted.requirements):
        return None, []
    return replace(wanted, requirements=part.requirements, local_paths=part.local_paths), []


def name_of(part: Requirements) -> str:
    """A name for the environment of a part."""
    return f"base-{package_name(part.requirements[0])}"
