"""What no line of runyard does, however convenient: build objects from text, or start a shell."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import runyard

_SOURCE = Path(runyard.__file__).parent
_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
_CALLS = {
    "eval",
    "os.system",
    "os.popen",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "tempfile.mktemp",
    "yaml.load",
    "yaml.load_all",
    "yaml.full_load",
    "yaml.unsafe_load",
    "yaml.Loader",
    "yaml.FullLoader",
    "yaml.UnsafeLoader",
    "yaml.CLoader",
    "pd.read_pickle",
    "pandas.read_pickle",
}
_LAST = {name.rpartition(".")[2] for name in _CALLS}
_EXECUTED = {"job/mpi_rank.py"}
"""Where ``exec`` is called: it runs the user's own script, as an interpreter does."""


def _sources() -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(_SOURCE.rglob("*.py")):
        yield str(path.relative_to(_SOURCE)), ast.parse(path.read_text(), str(path))


def _problems(name: str, tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] in _MODULES)
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] in _MODULES:
                yield str(node.module)
        elif isinstance(node, ast.Call):
            yield from _of_call(name, node)
        elif isinstance(node, ast.Attribute) and node.attr in _LAST and ast.unparse(node) in _CALLS:
            yield ast.unparse(node)


def _of_call(name: str, node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func) if isinstance(node.func, (ast.Name, ast.Attribute)) else ""
    if called in _CALLS or (called in ("exec", "builtins.exec") and name not in _EXECUTED):
        yield called
    for keyword in node.keywords:
        value = keyword.value
        if keyword.arg == "shell" and not (isinstance(value, ast.Constant) and not value.value):
            yield f"{called}(shell=…)"
        if keyword.arg == "allow_pickle" and not isinstance(value, ast.Constant):
            yield f"{called}(allow_pickle=…)"


def test_no_pickle_no_shell_and_no_objects_from_yaml() -> None:
    found = {name: list(_problems(name, tree)) for name, tree in _sources()}
    assert {name: problems for name, problems in found.items() if problems} == {}
    assert len(found) > 500, "the source was not looked at"


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "subprocess.run('ls', shell=True)",
        "subprocess.run('ls', shell=flag)",
        "os.system('ls')",
        "yaml.load(text, Loader=yaml.Loader)",
        "loader = yaml.FullLoader",
        "eval(text)",
        "exec(text)",
        "numpy.load(path, allow_pickle=flag)",
    ],
)
def test_the_check_sees(line: str) -> None:
    assert list(_problems("x.py", ast.parse(line)))


_OBJECT = "!!python/object/apply:os.mkdir ['{}']"


def test_yaml_of_every_kind_builds_no_objects(tmp_path: Path) -> None:
    from runyard.cli import spec_file
    from runyard.config.run_configuration import RunConfiguration
    from runyard.environments.conda_dependencies import CondaDependencies
    from runyard.environments.environment import Environment
    from runyard.errors import RunyardError

    marker = tmp_path / "made"
    hostile = tmp_path / "hostile.yml"
    readers = (
        lambda: CondaDependencies(str(hostile)),
        lambda: Environment.from_conda_specification("x", str(hostile)),
        lambda: RunConfiguration.load(str(tmp_path), "hostile.yml"),
        lambda: spec_file.read(str(hostile)),
    )
    for text in (_OBJECT, "dependencies: " + _OBJECT, "script: " + _OBJECT):
        hostile.write_text(text.format(marker))
        for read in readers:
            with pytest.raises((RunyardError, yaml.YAMLError)):
                read()
    assert not marker.exists()
