"""What may go wrong once the script runs: findings that warn and never keep a run from starting.

Only asked for: by ``runyard submit --plan``, and by estimators with ``_disable_validation=False``.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from runyard.config import import_packages, script_lint, source_imports, stdlib_names
from runyard.environments import cache, conda_translation
from runyard.environments.names import package_name

if TYPE_CHECKING:
    from collections.abc import Collection

    from runyard.config.jobspec import JobSpec
    from runyard.config.source_imports import External, Source
    from runyard.environments.spec import EnvironmentSpec

LINT = "lint"
PACKAGES = "packages"
# What the runner lends every script.
_LENT = frozenset({"runyard", "azureml"})
_SHOWN = 20
# A requirement that is a file does not say its package in a way worth reading.
_FILES = (".whl", ".tar.gz", ".zip")


def warnings_of(spec: JobSpec, wanted: Collection[str]) -> tuple[str, ...]:
    """What deserves a look before the run starts, one sentence each.

    ``wanted``: of 'lint' (undefined names, syntax errors) and 'packages' (imports that the
    environment lacks, packages that do not exist or do not fit each other). Reads the source
    folder and, when the environment is built, asks its interpreter what it finds, else the
    package index; imports nothing of either.
    """
    found: list[str] = []
    script = script_of(spec)
    if wanted and script is not None:
        python = version_of(spec.environment)
        folders = spec.entry.python_path if spec.entry else ()
        source = source_imports.collect(Path(spec.source_directory), script, python, folders)
        if LINT in wanted:
            found += _shortened(script_lint.findings(source, python, _parameters(spec)))
        if PACKAGES in wanted:
            found += _shortened(missing_packages(source, spec, python))
    if PACKAGES in wanted:
        found += _shortened(_conflicts(spec.environment))
    return tuple(found)


def _parameters(spec: JobSpec) -> frozenset[str]:
    """Names that the cells of a notebook find defined."""
    if spec.entry is None or spec.entry.kind != "notebook":
        return frozenset()
    from runyard.job import notebook_parameters

    return frozenset(notebook_parameters.parsed(spec.arguments))


def _conflicts(environment: EnvironmentSpec) -> list[str]:
    marker = cache.built(environment.key)
    if marker is None:
        from runyard.environments import resolution

        problem = resolution.problem(environment)
        return [] if problem is None else [f"the environment cannot be built: {problem}"]
    if environment.image is not None:
        return []
    from runyard.environments import conflicts

    return [f"in the environment: {text}" for text in conflicts.of(str(marker["python"]))]


def script_of(spec: JobSpec) -> str | None:
    """The Python file or notebook that the run starts, relative to the source folder.

    None where it is neither, or cannot be told.
    """
    if spec.script is not None:
        if spec.entry is None:  # a run of an older version
            return None if spec.script.endswith(".sh") else spec.script
        return None if spec.entry.kind == "program" else spec.script
    command = spec.command or ()
    try:
        words = shlex.split(command) if isinstance(command, str) else [*command]
    except ValueError:
        return None
    for word in words:
        name = os.path.normpath(word)
        inside = not os.path.isabs(name) and not name.startswith("..")
        if name.endswith(".py") and inside and os.path.isfile(f"{spec.source_directory}/{name}"):
            return name
    return None


def version_of(environment: EnvironmentSpec) -> tuple[int, int]:
    """Major and minor version of the environment's Python; the running one's where unknown."""
    import re
    import sys

    version = environment.python_version
    if environment.image is not None:
        version = str((cache.built(environment.key) or {}).get("python_version", version))
    match = re.match(r"\D*(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else sys.version_info[:2]


def missing_packages(source: Source, spec: JobSpec, python: tuple[int, int]) -> list[str]:
    """One sentence for each module that is imported and is in no package of the environment."""
    environment = spec.environment
    outside: dict[str, External] = {}
    for external in source.externals:
        top = external.module.partition(".")[0]
        if top not in _LENT and not stdlib_names.has_module(top, python):
            name = external.module if top in import_packages.NAMESPACES else top
            outside.setdefault(name, external)
    if not outside:
        return []
    marker = cache.built(environment.key)
    if marker is not None or environment.kind == "user_managed":
        interpreter = str(marker["python"]) if marker else environment.interpreter
        # That of an image is not started here: what was found in it has to do.
        in_image = environment.image is not None
        lacking = None if in_image else _not_found(interpreter, list(outside), spec)
        if lacking is None and marker is not None:
            locked = {package_name(line) for line in marker.get("lock") or ()}
            lacking = [name for name in outside if not import_packages.may_provide(name, locked)]
        return [
            _text(source, outside[name], name, "is not in the environment", python)
            for name in lacking or ()
        ]
    names = _asked_for(environment)
    if names is None:
        return []
    return [
        _text(source, external, name, "may be missing: no requirement looks like it", python)
        for name, external in outside.items()
        if not import_packages.may_provide(name, names)
    ]


def _asked_for(environment: EnvironmentSpec) -> set[str] | None:
    """Canonical names of all packages that are asked for; None when that cannot be told."""
    names: set[str] = set()
    for line in environment.requirements:
        if line.startswith(("-", ".")) or "/" in line.partition("@")[0] or line.endswith(_FILES):
            return None
        names.add(package_name(line))
    on_index = conda_translation.names_on_index() if environment.conda_packages else {}
    for package in environment.conda_packages:
        name = package_name(package)
        names |= {name, on_index.get(name, name)}
    if "anaconda" in names:
        return None
    if environment.kind == "conda":
        names |= {"pip", "setuptools"}
    return names


def _text(source: Source, external: External, name: str, what: str, python: tuple[int, int]) -> str:
    packages = import_packages.packages_of(name)
    other = stdlib_names.other_version(name)
    if other:
        version = ".".join(map(str, python))
        why = f"{name!r} is {other}, and the environment has Python {version}; it {what}"
    elif packages[0] == name:
        why = f"the package {name!r} {what}"
    else:
        why = f"{name!r} (of the package {packages[0]}) {what}"
    return f"{source.place(external.file, external.line)}: {why}"


def _not_found(interpreter: str, modules: list[str], spec: JobSpec) -> list[str] | None:
    """The modules that the interpreter does not find; None when it does not say.

    They are looked for, not imported, save for what the environment itself imports at its start.
    """
    import json
    import subprocess

    try:
        done = subprocess.run(
            [interpreter, "-B", "-c", _LOOK, json.dumps(modules)],
            capture_output=True,
            timeout=10,
            # A relative PYTHONPATH of the run leads into the source.
            cwd=spec.source_directory,
            env={**os.environ, **spec.environment_variables},
            check=True,
        )
        answer = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
    return [name for name in modules if name in answer]


# For Python 3.6 and later. What an editable install puts into sys.meta_path is asked as well.
_LOOK = """
import json, sys, types
def found(name):
    where = None
    parts = name.split('.')
    for count in range(1, len(parts) + 1):
        part = '.'.join(parts[:count])
        spec = None
        for finder in sys.meta_path:
            look = getattr(finder, 'find_spec', None)
            spec = look(part, where) if look else None
            if spec is not None:
                break
        if spec is None:
            # 'from google.cloud import storage': the last part may be no module.
            return count > 2
        if spec.submodule_search_locations is None:
            return True
        where = list(spec.submodule_search_locations)
        # Finding a namespace in a namespace looks the outer one up.
        sys.modules.setdefault(part, types.ModuleType(part)).__path__ = where
    return True
sys.path[:] = [path for path in sys.path if path]
print(json.dumps([name for name in json.loads(sys.argv[1]) if not found(name)]))
"""


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= _SHOWN:
        return lines
    return [*lines[:_SHOWN], f"and {len(lines) - _SHOWN} more of that kind"]
