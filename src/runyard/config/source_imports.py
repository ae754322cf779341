"""The Python files a script is made of, and what they import from elsewhere. Runs nothing."""

from __future__ import annotations

import ast
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runyard.config import notebook_code
from runyard.config.notebook_code import NotebookCode

_SKIPPED = frozenset({".hg", ".svn", ".git", ".tox", "__pycache__", "env", "venv", ".venv"})
_CAUGHT = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
# A test of one of these chooses between Pythons or systems; what it guards may not be needed.
_CHOOSING = frozenset({"TYPE_CHECKING", "version_info", "platform", "name", "PY2", "PY3"})


@dataclass(frozen=True)
class External:
    """An import of something that is not in the source folder; ``file`` is relative to it."""

    module: str
    file: str
    line: int


@dataclass
class Source:
    """``files``: the script and the local modules it imports, relative paths to trees.

    ``broken``: the error of each file that cannot be parsed. ``externals``: in order of reading.
    ``notebooks``: the code of those among the files.
    """

    files: dict[str, ast.Module] = field(default_factory=dict)
    broken: dict[str, SyntaxError] = field(default_factory=dict)
    externals: list[External] = field(default_factory=list)
    notebooks: dict[str, NotebookCode] = field(default_factory=dict)

    def place(self, file: str, line: int) -> str:
        """``train.py:3``, or the cell of a notebook and the line in it."""
        notebook = self.notebooks.get(file)
        return f"{file}:{line}" if notebook is None else notebook.place(file, line)


@dataclass(frozen=True)
class _Imported:
    module: str
    level: int
    names: tuple[str, ...]
    line: int
    guarded: bool


def collect(
    source: Path, script: str, python: tuple[int, int], folders: Sequence[str] = ()
) -> Source:
    """Read the script and, one after the other, the local modules it imports.

    ``folders``: of the source, where modules are looked for beside the script's own folder.
    ``python``: version whose syntax counts. Imports whose failure the script expects (``try``
    with ``except ImportError``, ``if`` on the version or ``TYPE_CHECKING``) are not in
    ``externals``. Files that cannot be read are left out.
    """
    found = Source()
    local = _Local(source, script, folders)
    waiting = [os.path.normpath(script)]
    while waiting:
        name = waiting.pop(0)
        if name in found.files or name in found.broken:
            continue
        try:
            content = (source / name).read_bytes()
            if name.lower().endswith(".ipynb"):
                found.notebooks[name] = notebook_code.read(content)
                content = found.notebooks[name].text.encode()
            tree = parse(content, name, python)
        except SyntaxError as error:
            # What a newer Python than this one allows cannot be told; a cell may await.
            if python <= sys.version_info[:2] and not (
                name in found.notebooks and "await" in found.notebooks[name].text
            ):
                found.broken[name] = error
            continue
        except (OSError, ValueError, RecursionError, MemoryError):
            continue
        found.files[name] = tree
        for imported in _imports(tree.body, guarded=False):
            if imported.level:
                waiting += local.relative(name, imported)
                continue
            files = local.absolute(imported)
            if files is not None:
                waiting += files
            elif not imported.guarded:
                found.externals += _externals(imported, name)
    return found


def parse(content: bytes, name: str, python: tuple[int, int]) -> ast.Module:
    """The tree of a file by the syntax of a Python version, as far as the running one knows it."""
    version = min(max(python, (3, 7)), sys.version_info[:2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(content, name, feature_version=version)


def relative_level(tree: ast.Module) -> int:
    """The most dots before a module that the script imports; 0 where it can do without.

    Imports whose failure the script expects do not count.
    """
    return max((i.level for i in _imports(tree.body, guarded=False) if not i.guarded), default=0)


def _externals(imported: _Imported, file: str) -> list[External]:
    # 'from google.cloud import storage' needs the package of google.cloud.storage.
    modules = [imported.module]
    if imported.module in ("google", "google.cloud", "azure"):
        modules = [f"{imported.module}.{name}" for name in imported.names] or modules
    return [External(module, file, imported.line) for module in modules]


def _imports(body: list[ast.stmt], *, guarded: bool) -> Iterator[_Imported]:
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _Imported(alias.name, 0, (), node.lineno, guarded)
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            yield _Imported(node.module or "", node.level, names, node.lineno, guarded)
        else:
            inside = guarded or _guards(node)
            for block in _blocks(node):
                yield from _imports(block, guarded=inside)


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block
    for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield part.body


def _guards(node: ast.stmt) -> bool:
    if isinstance(node, ast.Try):
        return any(h.type is None or _mentions(h.type, _CAUGHT) for h in node.handlers)
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return any(
            _mentions(item.context_expr, frozenset({"suppress"}))
            and _mentions(item.context_expr, _CAUGHT)
            for item in node.items
        )
    return isinstance(node, ast.If) and _mentions(node.test, _CHOOSING)


def _mentions(expression: ast.expr, names: frozenset[str]) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id in names and node.id != "name")
        or (isinstance(node, ast.Attribute) and node.attr in names)
        for node in ast.walk(expression)
    )


class _Local:
    """Which modules the source folder has; paths are relative to it."""

    def __init__(self, source: Path, script: str, folders: Sequence[str]) -> None:
        self._source = source
        # Python puts the script's folder first; scripts often add the folder of the run.
        own = os.path.dirname(os.path.normpath(script))
        named = ["" if folder == "." else folder for folder in folders]
        self._roots = list(dict.fromkeys([own, *named, ""]))
        self._deeper: set[str] | None = None

    def absolute(self, imported: _Imported) -> list[str] | None:
        """The files the import reads, None when the module is not local."""
        parts = imported.module.split(".")
        for root in self._roots:
            files = self._files(root, parts, imported.names)
            if files:
                return files
            if os.path.isdir(self._source / root / parts[0]):
                return []
        # A script may have put any folder on its path.
        return [] if parts[0] in self._names() else None

    def relative(self, file: str, imported: _Imported) -> list[str]:
        folder = os.path.dirname(file)
        for _ in range(imported.level - 1):
            folder = os.path.dirname(folder)
        parts = imported.module.split(".") if imported.module else []
        return self._files(folder, parts, imported.names)

    def _files(self, root: str, parts: list[str], names: tuple[str, ...]) -> list[str]:
        candidates = []
        for count in range(1, len(parts) + 1):
            path = os.path.join(root, *parts[:count])
            candidates += [f"{path}.py", os.path.join(path, "__init__.py")]
        candidates += [os.path.join(root, *parts, f"{name}.py") for name in names]
        candidates += [os.path.join(root, *parts, name, "__init__.py") for name in names]
        return [path for path in candidates if os.path.isfile(self._source / path)]

    def _names(self) -> set[str]:
        """Every module and every folder with modules, wherever it lies."""
        if self._deeper is None:
            self._deeper = set()
            for folder, folders, files in os.walk(self._source):
                folders[:] = [name for name in folders if name not in _SKIPPED]
                modules = {name[:-3] for name in files if name.endswith(".py")}
                self._deeper |= modules
                if modules:
                    self._deeper.add(os.path.basename(folder))
        return self._deeper
