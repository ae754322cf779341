"""Tests wait for what happens, not for time to pass: where one must, it says why."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent


def waits(tree: ast.AST, looping: bool = False) -> Iterator[ast.Call]:
    """Calls of ``time.sleep`` outside of loops, where they are pauses between two looks."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep" and not looping:
            yield node
        yield from waits(node, looping or isinstance(node, (ast.While, ast.For)))


def test_every_wait_has_its_reason_beside_it() -> None:
    without = []
    for path in sorted(TESTS.glob("**/*.py")):
        text = path.read_text()
        lines = text.splitlines()
        for call in waits(ast.parse(text)) if "time.sleep(" in text else ():
            beside = lines[call.lineno - 2 : call.lineno]
            if not any("# " in line for line in beside):
                without.append(f"{path.relative_to(TESTS)}:{call.lineno}: {beside[-1].strip()}")
    assert without == []
