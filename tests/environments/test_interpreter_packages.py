"""What an interpreter of the user's has, read from its folders, beside what it says itself."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from runyard.environments import interpreter_packages
from runyard.environments.names import canonical_name

MINOR = "{}.{}".format(*sys.version_info[:2])
VERSION = "{}.{}.{}".format(*sys.version_info[:3])

# The first of a name counts, as for imports; packages of 3.6 and 3.7 are found by pkg_resources.
_QUESTION = """
import json, sys
found = {}
try:
    from importlib.metadata import distributions
    pairs = [(d.metadata['Name'], d.version) for d in distributions()]
except ImportError:
    import pkg_resources
    pairs = [(d.project_name, d.version) for d in pkg_resources.working_set]
for name, version in pairs:
    found.setdefault(name, version)
print(json.dumps([found, '%d.%d.%d' % sys.version_info[:3]]))
"""


def _asked(python: str, variables: Mapping[str, str]) -> tuple[dict[str, str], str]:
    done = subprocess.run(
        [python, "-c", _QUESTION], capture_output=True, text=True, cwd="/", env=dict(variables)
    )
    assert done.returncode == 0, done.stderr
    found, version = json.loads(done.stdout)
    return {canonical_name(name): version for name, version in found.items()}, version


def _same(python: str, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The lines by name, after a comparison with what the interpreter itself says."""
    said, version = _asked(python, variables)
    lines = interpreter_packages.freeze(python, version, variables)
    named = {}
    for line in lines:
        name, found, number = line.partition("==")
        if found:
            named[name] = number
    assert named == {name: said[name] for name in named}
    links = [line for line in lines if "==" not in line]
    assert len(lines) == len(said), (sorted(set(said) - set(named)), links)
    return named


@pytest.mark.integration
def test_the_environment_of_these_tests() -> None:
    assert "pytest" in _same(sys.executable)


@pytest.mark.integration
@pytest.mark.parametrize("name", ["python3.6", "python3.8", f"python{MINOR}"])
def test_an_installed_interpreter(tool: Callable[[str], str], name: str) -> None:
    # The tool may be a script in front of it.
    code = [tool(name), "-c", "import sys; print(sys.executable)"]
    assert _same(subprocess.run(code, capture_output=True, text=True).stdout.strip())


@pytest.mark.integration
def test_the_interpreter_of_the_system() -> None:
    if not os.access("/usr/bin/python3", os.X_OK):
        pytest.skip("/usr/bin/python3 is not here")
    _same("/usr/bin/python3")


@pytest.fixture
def venv(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes a bare venv and returns its site-packages."""

    def make(system: bool = False) -> Path:
        prefix = tmp_path / "venv"
        (prefix / "bin").mkdir(parents=True)
        (prefix / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
        home = os.path.dirname(os.path.realpath(sys.executable))
        (prefix / "pyvenv.cfg").write_text(
            f"home = {home}\ninclude-system-site-packages = {str(system).lower()}\n"
        )
        folder = prefix / "lib" / f"python{MINOR}" / "site-packages"
        folder.mkdir(parents=True)
        return folder

    return make


def _install(folder: Path, name: str, version: str, direct: object = None) -> None:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if direct is not None:
        (info / "direct_url.json").write_text(json.dumps(direct))


@pytest.mark.integration
def test_a_venv_with_and_without_the_systems_packages(venv: Callable[..., Path]) -> None:
    python = str(venv().parents[2] / "bin" / "python")
    assert _same(python) == {}
    settings = Path(python).parents[1] / "pyvenv.cfg"
    settings.write_text(settings.read_text().replace("false", "true"))
    assert "pip" in _same(python)


@pytest.mark.integration
def test_folders_of_path_files_variables_and_the_user(
    venv: Callable[..., Path], tmp_path: Path
) -> None:
    folder = venv(system=True)
    _install(folder, "Some_Name", "1.0")
    _install(folder, "twice", "1.0")
    _install(tmp_path / "added", "extra", "2.0")
    _install(tmp_path / "given", "twice", "3.0")
    user = tmp_path / "user" / "lib" / f"python{MINOR}" / "site-packages"
    _install(user, "of_user", "1.0")
    (folder / "a.pth").write_text(f"# none\nimport sys\n\n{tmp_path / 'added'}\n/not/there\n")
    variables = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "given"),
        "PYTHONUSERBASE": str(tmp_path / "user"),
    }
    python = str(folder.parents[2] / "bin" / "python")
    named = _same(python, variables)
    wanted = {"some-name": "1.0", "twice": "3.0", "extra": "2.0", "of-user": "1.0"}
    assert {name: named[name] for name in wanted} == wanted
    assert "of-user" not in _same(python, {**variables, "PYTHONNOUSERSITE": "1"})


def test_what_has_no_version_of_an_index(venv: Callable[..., Path], tmp_path: Path) -> None:
    folder = venv()
    _install(folder, "from_url", "1.0", {"url": "https://me:secret@h/w.whl"})
    _install(folder, "editable", "1.0", {"url": "file:///src", "dir_info": {"editable": True}})
    (folder / "old-2.0-py3.6.egg-info").write_text("")
    (folder / "older-3.0.egg-info").mkdir()
    project = tmp_path / "project"
    (project / "developed.egg-info").mkdir(parents=True)
    (tmp_path / "zipped-4.0-py3.6.egg" / "EGG-INFO").mkdir(parents=True)
    (folder / "easy-install.pth").write_text(f"{project}\n{tmp_path}/zipped-4.0-py3.6.egg\n")
    python = str(folder.parents[2] / "bin" / "python")
    assert interpreter_packages.freeze(python, VERSION, {}) == [
        f"-e file://{project}",
        "-e file:///src",
        "from-url @ https://***@h/w.whl",
        "old==2.0",
        "older==3.0",
        "zipped==4.0",
    ]
