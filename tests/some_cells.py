"""Cells of a notebook, run as a kernel runs them."""

from __future__ import annotations

import ast
import linecache
from typing import Any


def run_cell(text: str, number: int, names: dict[str, Any]) -> Any:
    """Run a cell as IPython does, one statement after another, and return the value of a last expression.

    It is compiled under a name of its own, with its lines where tracebacks look for them.
    """
    filename = f"/tmp/ipykernel_0/{number}.py"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    *statements, last = ast.parse(text).body
    for statement in statements:
        exec(compile(ast.Module([statement], []), filename, "exec"), names)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), filename, "eval"), names)
    exec(compile(ast.Module([last], []), filename, "exec"), names)
    return None
