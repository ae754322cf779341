"""Building an environment in an image: a base, a layer of packages on it, and a marker here."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

from runyard.containers.engine import Engine
from runyard.containers.errors import EngineError
from runyard.environments import (
    built_images,
    cache,
    image_base,
    image_layers,
    image_mounts,
    image_venv,
)
from runyard.environments.build import Build, remove
from runyard.environments.build_failure import BuildFailure
from runyard.environments.image_container import Container, signal_or_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from runyard.environments.build_settings import BuildSettings
    from runyard.environments.image_base import Base
    from runyard.environments.image_mounts import Stage
    from runyard.environments.spec import EnvironmentSpec
    from runyard.environments.uv_program import Ended


class ImageBuild(Build):
    """Builds one environment in an image.

    The folder in the cache holds only the marker in the end. Whether the image of a marker is
    still there is asked of the engine.
    """

    _MORE = ("prefix", "variables", "image", "base")

    def __init__(self, spec: EnvironmentSpec, password: str = "") -> None:
        super().__init__(spec)
        image: Any = spec.image
        self._image = SimpleNamespace(**image) if isinstance(image, dict) else image
        self._tag = built_images.tag_of(spec.name, spec.key)
        self._id = ""
        self._password = password or image_base.forget_password()
        self._secrets = frozenset(filter(None, (self._password,)))
        self._engine: Engine | None = None
        self._stage: Stage | None = None
        self._base: Base | None = None
        # What the image below is on, where there is one.
        self._origin: Base | None = None
        self._starts = 0
        self._was: str = ""

    def _ready(self) -> dict[str, Any]:
        try:
            return self.cached()
        except EngineError as error:
            raise BuildFailure(error.kind, error.message, hint=error.hint) from error

    # What is there

    def _found_engine(self) -> Engine:
        if self._engine is None:
            from runyard.containers import finding

            self._engine = finding.find()
        return self._engine

    def _built(self) -> dict[str, Any] | None:
        marker = cache.built(self._spec.key)
        if marker is None:
            return None
        self._was = built_images.lost(marker, self._found_engine())
        return None if self._was else marker

    def _clear_leftovers(self) -> None:
        if self._was:
            self.say(f"{self._was}: it is built again")
        elif os.path.lexists(self._prefix):
            self.say("Removing what an unfinished build left")
        built_images.remove_labelled(self._found_engine(), self._spec.key)
        remove(self._prefix)

    # The steps

    def _make_kind(self) -> list[str]:
        engine = self._found_engine()
        os.makedirs(self._prefix)
        # Tells pruning that an engine is used with this cache.
        os.makedirs(image_mounts.own_caches(), exist_ok=True)
        steps = {
            "user_managed": self._make_user_managed,
            "venv": self._make_venv,
            "conda": self._make_conda,
        }
        lines = steps[self._spec.kind]()
        details = engine.image(self._id)
        self._more["image"] = {
            "id": self._id,
            "tag": self._tag,
            "engine": engine.name,
            "size_bytes": details.size_bytes if details else 0,
            "base": self._base.record() if self._base else {},
        }
        return lines

    def _prepare(self, tag: str) -> Base:
        self._base = image_base.prepare(
            self._found_engine(),
            self._image,
            self.say,
            password=self._password,
            anew=bool(self._refreshes),
            tag=tag,
            labels=built_images.labels(self._spec.key),
        )
        self.say(f"The base image is {self._base.id}")
        return self._base

    def _make_user_managed(self) -> list[str]:
        from runyard.environments import image_probe

        engine = self._found_engine()
        base = self._prepare(self._tag)
        shown = self._image.name or base.id
        answer = image_probe.ask(
            engine, base.id, self._spec.interpreter, shown, **self._container()
        )
        engine.tag(base.id, self._tag)
        self._python, self._python_version = answer.python, answer.version
        self._id, self._more["prefix"] = base.id, answer.prefix
        self.say(f"Python {answer.version} ({answer.python}); nothing is installed")
        return answer.lock

    def _make_venv(self) -> list[str]:
        from runyard.environments import installed
        from runyard.environments.build_settings import BuildSettings

        below = self._made_below()
        base = below or self._prepare(self._base_tag())
        self._base = base
        stage = self._stage = image_mounts.Stage(self._prefix)
        self._files, self._files_seen = stage.files, image_mounts.FILES
        self._python = image_venv.PYTHON
        settings = BuildSettings(self._spec)
        self._secrets |= settings.secrets
        before = self._taken(below) if below else {}
        command = image_venv.command(self._spec.python, there=below is not None)
        with self._start(command, settings.variables, settings, "/bin/sh") as shell:
            ended = shell.finish(self.say)
        if ended.exit_code != 0:
            raise image_venv.failure(ended, self._spec.python, self._image.name or "built here")
        stage.keep_cache(self._system(base))
        self._install(settings)
        venv = os.path.join(stage.layer, os.path.basename(image_venv.FOLDER))
        self._python_version = image_venv.version_of(venv)
        lock = installed.freeze(venv)
        self._add_packages(base, before)
        self._more["prefix"] = image_venv.FOLDER
        return lock

    def _made_below(self) -> Base | None:
        """The image of the environment that this one begins with, built if need be.

        What a marker holds of it is what that one is on.
        """
        spec: Any = getattr(self._spec, "base", None)
        if spec is None:
            return None
        if isinstance(spec, dict):
            spec = SimpleNamespace(**spec)
        made = ImageBuild(spec, self._password).cached()
        cache.used(spec.key)
        self._more["base"] = str(spec.key)
        image = made["image"]
        below = image["base"]
        # One that was built here goes with the environment that it was built for.
        digests = tuple(below["digests"])
        self._origin = image_base.Base(below["id"], below["name"], False, digests)
        self.say(f"Based on the image {image['tag']}")
        return image_base.Base(image["id"], image["tag"], False)

    def _taken(self, below: Base) -> dict[str, image_layers.State]:
        assert self._stage is not None
        place, folder, container = image_mounts.LAYER, self._stage.layer, self._container()
        image_layers.take(self._found_engine(), below.id, place, folder, **container)
        return image_layers.states(folder)

    def _add_packages(self, base: Base, before: dict[str, image_layers.State]) -> None:
        """Add what is new; all of it where something of the base had to give way."""
        assert self._stage is not None
        layer = self._stage.layer
        if before and before.keys() <= image_layers.states(layer).keys():
            image_layers.keep_changes(layer, before)
        elif before:
            assert self._origin is not None
            base = self._origin
        self._add_layer(base, layer, image_mounts.LAYER)
        if self._origin is not None:
            self._base = self._origin

    def _system(self, base: Base) -> str:
        """Images with the same one share what uv has fetched and built."""
        assert self._stage is not None
        path = os.path.join(self._stage.tmp, image_venv.OS_RELEASE)
        with open(path, encoding="utf-8", errors="replace") as file:
            details = self._found_engine().image(base.id)
            known = image_mounts.system_of(file.read(), details.environment if details else {})
        return known or base.id.rpartition(":")[2][:16]

    def _make_conda(self) -> list[str]:
        engine = self._found_engine()
        base = self._prepare(self._base_tag())
        inner = Build(self._of_prefix())
        made = inner.cached()
        cache.used(self._image.prefix_key)
        owner = "0:0" if engine.rootless and engine.name == "docker" else _owner()
        self._add_layer(base, made["prefix"], made["prefix"], owner)
        self._python, self._python_version = made["python"], made["python_version"]
        self._more.update(prefix=made["prefix"], variables=made.get("variables") or {})
        self._check_start(engine)
        return list(made["lock"])

    def _of_prefix(self) -> EnvironmentSpec:
        """The plan of the conda environment that goes into the image, on this machine."""
        spec: Any = self._spec
        fields = getattr(spec, "__struct_fields__", None) or vars(spec)
        plain: Any = SimpleNamespace(**{name: getattr(spec, name) for name in fields})
        plain.key, plain.image, plain.refreshes, plain.notices = (
            self._image.prefix_key,
            None,
            "",
            (),
        )
        found: EnvironmentSpec = plain
        return found

    def _check_start(self, engine: Engine) -> None:
        """An image may have too old a C library for what conda brings, or another one."""
        from runyard.environments import image_probe

        shown = f"{self._image.name or 'built here'} with the conda environment in it"
        image_probe.ask(engine, self._id, self._python, shown, **self._container())

    def _add_layer(self, base: Base, folder: str, place: str, owner: str = "") -> None:
        """Make the image: the base with the folder at ``place``."""
        engine, base_tag = self._found_engine(), self._base_tag()
        if not base.built:
            # buildx takes an id in FROM for a name to pull.
            engine.tag(base.id, base_tag)
        self.say(f"Adding a layer with {place}")
        dockerfile = layer_dockerfile(base_tag, place, built_images.labels(self._spec.key), owner)
        try:
            self._id = engine.build(self.say, dockerfile=dockerfile, context=folder, tag=self._tag)
        finally:
            if not base.built:
                engine.remove_image(base_tag)

    def _start(
        self,
        command: list[str],
        variables: Mapping[str, str],
        settings: BuildSettings,
        program: str | None = None,
    ) -> Container:
        """Start uv, or another program, in a container of the base image."""
        assert self._stage is not None
        assert self._base is not None
        lines = (*self._spec.requirements, *self._spec.constraints, *self._spec.options)
        return Container(
            self._found_engine(),
            self._base.id,
            [program or image_mounts.UV, *command],
            image_mounts.variables(variables, lines),
            mounts=self._stage.mounts(lines, variables),
            **self._container(),
        )

    def _container(self) -> dict[str, Any]:
        self._starts += 1
        name = f"runyard-build-{self._spec.key[:12]}-{os.getpid()}-{self._starts}"
        return {"name": name, "labels": built_images.labels(self._spec.key)}

    def _uv_failure(self, ended: Ended, requirements: tuple[str, ...]) -> BuildFailure:
        ended.exit_code = signal_or_code(ended.exit_code)
        return super()._uv_failure(ended, requirements)

    # What is said and written

    def _base_tag(self) -> str:
        return f"runyard/base:{self._spec.key}"

    def _marker(self, lock: list[str], seconds: float) -> dict[str, Any]:
        # Last of all: what the image was made of is no longer needed.
        for entry in os.scandir(self._prefix):
            remove(entry.path)
        return super()._marker(lock, seconds)

    def _say_python(self) -> None:
        python = self._spec.interpreter or self._spec.python
        self.say(f"  image: {self._image.name or self._image.context or 'of a Dockerfile'}")
        self.say(f"  Python: {python or 'that of the image'}")

    def _place(self) -> str:
        image = self._more["image"]
        return f"the image {image['tag']} of {image['engine']} ({image['size_bytes'] / 1e6:.1f} MB)"


def layer_dockerfile(base: str, place: str, labels: Mapping[str, str], owner: str = "") -> str:
    """The text that puts the build context at ``place``, which belongs to ``owner`` ('' is root).

    The labels are in it, because the old builder of docker makes a layer of each that is an option.
    """
    # A dollar would begin the name of a variable, inside quotes and inside JSON.
    where = json.dumps([".", f"{place}/".replace("$", "\\$")])
    quoted = {name: json.dumps(value).replace("$", "\\$") for name, value in labels.items()}
    pairs = " ".join(f"{name}={value}" for name, value in quoted.items())
    chown = f"--chown={owner} " if owner else ""
    return f"FROM {base}\nCOPY {chown}{where}\nLABEL {pairs}\n"


def _owner() -> str:
    return f"{os.getuid()}:{os.getgid()}"
