"""The build worker: from an ``EnvironmentSpec`` to an environment in the cache."""

from __future__ import annotations

import os
import sys
import time

from runyard.environments import build_failure, cache, uv_program
from runyard.environments.build_failure import BuildFailure
from runyard.environments.build_lock import BuildLock
from runyard.environments.package_steps import PackageSteps
from runyard.environments.redaction import redact
from runyard.environments.stopping import Stopped, stopped_by_signals
from runyard.errors import RunyardError

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes 3 ms of the time that a build may take longer than uv.
    from typing import Any

    from runyard.environments.build_settings import BuildSettings
    from runyard.environments.spec import EnvironmentSpec


def build(spec: EnvironmentSpec) -> dict[str, Any]:
    """Build the environment and return the content of RESULT.json, for a failure as well.

    Signals end the build cleanly from here on. The log goes to standard output.
    """
    try:
        return _builder(spec).run()
    except RunyardError as error:
        failure = BuildFailure("failed", error.message)
    except Exception as error:
        import traceback

        traceback.print_exc(file=sys.stdout)
        failure = BuildFailure(
            "internal",
            f"runyard failed while building: {type(error).__name__}: {redact(str(error))}",
            hint="This is a fault of runyard; please report it with the log above",
        )
    return {"ok": False, "error": failure.as_dict()}


def _builder(spec: EnvironmentSpec) -> Build:
    # A run of an older runyard that is run again knows no images.
    if getattr(spec, "image", None) is None:
        return Build(spec)
    from runyard.environments.image_build import ImageBuild

    return ImageBuild(spec)


class Build(PackageSteps):
    """Builds one environment; everything it says goes to standard output, without secrets."""

    # What a marker holds beyond what all have, and a result hands on.
    _MORE: tuple[str, ...] = ("variables", "base")

    def __init__(self, spec: EnvironmentSpec) -> None:
        self._spec = spec
        self._prefix = cache.prefix(spec.key)
        self._python = os.path.join(self._prefix, "bin", "python")
        # Where files for uv are written, and where uv sees them.
        self._files = self._files_seen = self._prefix
        self._python_version = spec.python_version
        # A run of an older runyard that is run again has none of these.
        self._tools: tuple[str, ...] = tuple(getattr(spec, "tools", ()))
        self._source_builds: tuple[dict[str, Any], ...] = tuple(getattr(spec, "source_builds", ()))
        self._refreshes: str = getattr(spec, "refreshes", "")
        self._found: dict[str, Any] | None = None
        self._more: dict[str, Any] = {}
        self._secrets: frozenset[str] = frozenset()

    def run(self) -> dict[str, Any]:
        """Return the content of RESULT.json; what failed or was stopped leaves nothing behind."""
        stopped_by_signals()
        started = time.monotonic()
        try:
            result = self._ready()
        except BuildFailure as failure:
            return self._failed(failure)
        except OSError as error:
            return self._failed(build_failure.of_os_error(error, self._prefix))
        except Stopped as stopped:
            return self._failed(build_failure.cancelled(str(stopped)))
        return {"ok": True, **result, "seconds": round(time.monotonic() - started, 3)}

    def say(self, line: str) -> str:
        """Print a line at once, without secrets; returns what was printed."""
        line = redact(line, self._secrets)
        print(line, flush=True)
        return line

    # The kinds

    def _ready(self) -> dict[str, Any]:
        return self._user_managed() if self._spec.kind == "user_managed" else self.cached()

    def _user_managed(self) -> dict[str, Any]:
        spec = self._spec
        self.say(f"Environment {spec.name!r} is the interpreter {spec.interpreter}")
        self._say_notices()
        from runyard.environments import probes

        answer = probes.start(spec.interpreter)
        if isinstance(answer, str):
            raise BuildFailure(
                "interpreter",
                f"The interpreter {spec.interpreter} does not start: {answer}",
                hint="Correct python.interpreter_path of the environment",
            )
        lock = self._freeze(spec.interpreter)
        self.say(f"Python {answer.version} with {_packages(len(lock))}; nothing is installed")
        return self._result(answer.prefix, spec.interpreter, answer.version, lock, reused=True)

    def cached(self) -> dict[str, Any]:
        """Return what is said of the environment in the cache, built if need be.

        Raises BuildFailure, OSError and Stopped, after which nothing of the build is left.
        """
        if self._is_built():
            return self._reused()
        self._say_plan()
        with BuildLock(cache.build_lock(self._spec.key), self.say, self._is_built) as self._lock:
            if self._found is not None:
                return self._reused()
            self._clear_leftovers()
            try:
                return self._make()
            except BaseException:
                if self._lock.is_held():  # else it is another's by now
                    remove(self._prefix)
                raise

    def _is_built(self) -> bool:
        self._found = self._built()
        return self._found is not None

    def _built(self) -> dict[str, Any] | None:
        return cache.built(self._spec.key)

    def _make(self) -> dict[str, Any]:
        started = time.monotonic()
        lines = self._make_kind()
        lock = [redact(line, self._secrets) for line in lines]
        seconds = round(time.monotonic() - started, 3)
        if not self._lock.is_held():
            raise build_failure.taken_over(self._prefix)
        cache.write_json(os.path.join(self._prefix, cache.MARKER_NAME), self._marker(lock, seconds))
        if self._refreshes:
            cache.set_current(self._refreshes, self._spec.key)
        self.say(f"Built in {seconds:.1f} s: {_packages(len(lock))} in {self._place()}")
        return self._result(self._prefix, self._python, self._python_version, lock, reused=False)

    def _make_kind(self) -> list[str]:
        return self._make_conda() if self._spec.kind == "conda" else self._make_venv()

    def _clear_leftovers(self) -> None:
        """Remove what a killed build left, and whatever of it still runs."""
        if os.path.lexists(self._prefix):
            if cache.read_json(os.path.join(self._prefix, cache.MARKER_NAME)) is None:
                self.say("Removing what an unfinished build left")
            else:
                self.say(f"The Python of {self._prefix} is gone since it was built: building again")
            uv_program.end_others(self._prefix)
            remove(self._prefix)

    # The steps

    def _make_venv(self) -> list[str]:
        from runyard.environments import installed

        base = self._made_base()
        settings = self._make_prefix()
        if base:
            self._fill(base)
        self._install(settings)
        return installed.freeze(self._prefix)

    def _made_base(self) -> str:
        """The folder of the environment that this one begins with, built if need be; '' for none.

        From here on pruning leaves it alone.
        """
        spec: Any = getattr(self._spec, "base", None)
        if spec is None:
            return ""
        if isinstance(spec, dict):
            from types import SimpleNamespace

            spec = SimpleNamespace(**spec)
        made = Build(spec).cached()
        cache.used(spec.key)
        self._more["base"] = str(spec.key)
        return str(made["prefix"])

    def _fill(self, base: str) -> None:
        from runyard.environments import base_copy

        count = base_copy.fill(self._prefix, base)
        self.say(f"Based on {base}: {count} files of it are linked")

    def _make_conda(self) -> list[str]:
        # Conda's packages first, then pip's; the lock lines of both.
        from runyard.environments import conda_activation, conda_build, conda_channels, installed
        from runyard.environments.build_settings import BuildSettings

        settings = BuildSettings(self._spec)
        self._secrets = settings.secrets | conda_channels.secrets(self._spec.channels, os.environ)
        made = conda_build.make(self._spec, self._prefix, self.say)
        self._python_version = made["python_version"]
        before = frozenset(installed.freeze(self._prefix))
        # Compilers and libraries for source packages may be among conda's.
        path = os.environ.get("PATH", os.defpath)
        settings.variables["PATH"] = os.path.dirname(self._python) + os.pathsep + path
        self._install(settings)
        self._more = {"variables": conda_activation.variables(self._prefix, self.say)}
        own = [line for line in installed.freeze(self._prefix) if line not in before]
        return [*made["lock"], *own]

    def _make_prefix(self) -> BuildSettings:
        interpreter = self._spec.interpreter
        if not os.access(interpreter, os.X_OK):
            raise BuildFailure(
                "interpreter",
                f"Python {self._spec.python_version} is no longer at {interpreter}",
                hint="Submit again: the interpreters of this machine are then looked up anew",
            )
        arguments = ["venv", "--quiet", "--no-project", "--python", interpreter, self._prefix]
        with uv_program.Uv(arguments, uv_program.environment({})) as uv:
            # Loaded and read in the 16 ms that uv takes.
            from runyard.environments.build_settings import BuildSettings

            settings = BuildSettings(self._spec)
            self._secrets = settings.secrets
            self._finish(uv)
        return settings

    def _freeze(self, python: str) -> list[str]:
        """What is installed beside an interpreter of the user's."""
        arguments = ["pip", "freeze", "--quiet", "--python", python]
        ended = uv_program.ask(arguments, uv_program.environment({}))
        if ended.exit_code != 0:
            raise self._uv_failure(ended, ())
        return [redact(line) for line in ended.output.splitlines()]

    # What is said and written

    def _say_plan(self) -> None:
        spec = self._spec
        self.say(f"Building environment {spec.name!r}, key {spec.key}")
        if spec.kind == "conda":
            self.say(f"  channels: {', '.join(spec.channels)}")
            self.say(f"  conda packages: {', '.join(spec.conda_packages)}")
        else:
            self._say_python()
        self.say(f"  packages: {', '.join(spec.requirements) or 'none'}")
        for name, lines in (
            ("with", self._tools),
            ("options", spec.options),
            ("constraints", spec.constraints),
        ):
            if lines:
                self.say(f"  {name}: {', '.join(lines)}")
        if self._refreshes:
            self.say(f"  refreshed: packages are resolved again, {self._refreshes} stays as it is")
        self._say_notices()

    def _say_python(self) -> None:
        self.say(f"  Python {self._spec.python_version} ({self._spec.interpreter})")

    def _place(self) -> str:
        return self._prefix

    def _say_notices(self) -> None:
        for notice in self._spec.notices:
            self.say(f"  note: {notice}")

    def _reused(self) -> dict[str, Any]:
        marker = self._found
        assert marker is not None
        self._more = {name: marker[name] for name in self._MORE if name in marker}
        self.say(f"Environment {self._spec.name!r} is ready: {self._place()}")
        return self._result(
            self._prefix, marker["python"], marker["python_version"], marker["lock"], reused=True
        )

    def _marker(self, lock: list[str], seconds: float) -> dict[str, Any]:
        return {
            "format": cache.MARKER_FORMAT,
            "key": self._spec.key,
            "name": self._spec.name,
            "python": self._python,
            "python_version": self._python_version,
            **self._more,
            "requirements": list(self._spec.requirements),
            "lock": lock,
            "seconds": seconds,
            "built": time.time(),
        }

    def _result(
        self, prefix: str, python: str, python_version: str, lock: list[str], *, reused: bool
    ) -> dict[str, Any]:
        return {
            "kind": self._spec.kind,
            "key": self._spec.key,
            "prefix": prefix,
            "python": python,
            "python_version": python_version,
            "lock": lock,
            "reused": reused,
            **self._more,
        }

    def _failed(self, failure: BuildFailure) -> dict[str, Any]:
        error = {
            name: redact(text, self._secrets) if text else text
            for name, text in failure.as_dict().items()
        }
        self.say(f"Environment {self._spec.name!r} was not built: {error['message']}")
        if error["hint"]:
            self.say(f"  {error['hint']}")
        return {"ok": False, "error": error}


def remove(prefix: str) -> None:
    """Remove a folder with all that is in it, if it is there."""
    if os.path.lexists(prefix):
        import shutil

        shutil.rmtree(prefix)


def _packages(count: int) -> str:
    return "1 package" if count == 1 else f"{count} packages"
