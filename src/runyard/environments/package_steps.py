"""The steps of a build that install pip packages, wherever uv works."""

from __future__ import annotations

import os

from runyard.environments import uv_program, uv_progress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runyard.environments.build_failure import BuildFailure
    from runyard.environments.build_settings import BuildSettings
    from runyard.environments.spec import EnvironmentSpec
    from runyard.environments.uv_program import Ended


class PackageSteps:
    """Installs the packages of ``_spec`` into the environment whose Python is ``_python``.

    ``_files``: the folder that files for uv are written to; ``_files_seen``: where uv sees it.
    """

    _spec: EnvironmentSpec
    _prefix: str
    _python: str
    _python_version: str
    _files: str
    _files_seen: str
    _tools: tuple[str, ...]
    _source_builds: tuple[dict[str, Any], ...]
    _refreshes: str

    def say(self, line: str) -> str:
        """Print a line without secrets; returns what was printed."""
        raise NotImplementedError

    def _install(self, settings: BuildSettings) -> None:
        spec = self._spec
        if not spec.requirements:
            return
        lines = [*settings.nested, *spec.requirements, *self._tools]
        arguments = ["-r", self._write("requirements.txt", lines)]
        if self._refreshes:
            # Else uv believes for minutes what the index said last.
            arguments.append("--refresh")
        if spec.constraints:
            arguments += ["-c", self._write("constraints.txt", spec.constraints)]
        if self._source_builds:
            from runyard.environments import uv_config

            self._write(uv_config.NAME, [uv_config.text(self._source_builds, os.environ)], "")
            arguments += uv_config.arguments(self._files_seen, os.environ)
        command = ["pip", "install", "--python", self._python, *arguments, *settings.arguments]
        following = uv_progress.UvProgress(self.say, settings.variables)
        with self._start(command, following.variables, settings) as uv:
            ended = following.follow(uv, len(spec.requirements))
        if ended.exit_code == 0:
            return
        from runyard.environments import pip_build

        refused = pip_build.refused(ended.output)
        if refused is None or spec.kind != "venv":
            from runyard.environments import version_lookup

            raise version_lookup.explained(
                self._uv_failure(ended, spec.requirements),
                spec.requirements,
                self._python_version,
                settings.arguments,
                settings.variables,
                by_default=spec.python is None and spec.image is None and spec.kind == "venv",
            )
        self.say(f"uv cannot read the metadata of {refused}: {pip_build.PIP} installs the packages")
        self._install_with_pip(settings)

    def _install_with_pip(self, settings: BuildSettings) -> None:
        """Install what uv's call would have."""
        from runyard.environments import pip_build

        tools = [pip_build.PIP, *(tool for tool in self._tools if tool != "pip")]
        command = ["pip", "install", "--python", self._python, *tools, *settings.arguments]
        with self._start(command, settings.variables, settings) as uv:
            self._finish(uv)
        lines = [*settings.nested, *self._spec.requirements]
        command = ["-m", "pip", "install", "-r", self._write("requirements.txt", lines)]
        if self._spec.constraints:
            command += ["-c", self._write("constraints.txt", self._spec.constraints)]
        variables = pip_build.variables(settings.variables, self._source_builds)
        command += settings.arguments
        with self._start(command, variables, settings, self._python) as pip:
            ended = pip.finish(self.say)
        if ended.exit_code != 0:
            raise pip_build.failure(ended.output, ended.exit_code, self._prefix)

    def _start(
        self,
        command: list[str],
        variables: Mapping[str, str],
        settings: BuildSettings,
        program: str | None = None,
    ) -> uv_program.Uv:
        """Start uv, or another program that does its work."""
        return uv_program.Uv(command, variables, settings.before_exec, program)

    def _finish(self, uv: uv_program.Uv) -> None:
        ended = uv.finish(self.say)
        if ended.exit_code != 0:
            raise self._uv_failure(ended, self._spec.requirements)

    def _uv_failure(self, ended: Ended, requirements: tuple[str, ...]) -> BuildFailure:
        from runyard.environments import failures

        return failures.of_output(ended.output, ended.exit_code, requirements, self._prefix)

    def _write(self, name: str, lines: list[str] | tuple[str, ...], start: str = "runyard-") -> str:
        with open(os.path.join(self._files, f"{start}{name}"), "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
        return os.path.join(self._files_seen, f"{start}{name}")
