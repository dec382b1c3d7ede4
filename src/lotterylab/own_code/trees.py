"""The text by which running code is named: its syntax tree, or its compiled form where no file holds it any more.

A file may be edited after it was imported, and Python goes on with the code that it loaded.  So a tree counts only if
it compiles to the loaded code.  Comments, blank lines, line breaks and docstrings are in neither text.
"""

from __future__ import annotations
import __future__

import ast
import dis
import inspect
import linecache
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import CodeType

FUTURE = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
CHANGE = frozenset(  # methods that change a container
    (
        *("append", "extend", "insert", "add", "update", "setdefault"),
        *("pop", "popitem", "remove", "discard", "clear", "sort", "reverse"),
    )
)
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Written:
    """A ``Written`` is a function or class as a file has it: its tree, and the code that it compiles to."""

    node: Definition
    code: CodeType


def tree_of(code: CodeType, filename: str) -> Definition | None:
    """Return the tree of a loaded function in its file, or None if the file has no function that compiles to it.

    A tree that was found is kept, so that a process names its code alike after the file has been edited.

    Args:
        code: the loaded code.
        filename: its file, which equal code of another file does not have.
    """
    try:
        return _found(code, filename)
    except LookupError:
        return None


@cache
def _found(code: CodeType, filename: str) -> Definition:
    for written in written_in(filename, code.co_flags & FUTURE):
        if not isinstance(written.node, ast.ClassDef) and same(written.code, code):
            return written.node
    raise LookupError(filename)  # which is not kept: the file may be brought back


def written_in(filename: str, flags: int = 0) -> list[Written]:
    """Return every function and class in a file or a notebook's cell; an empty list if it cannot be read or compiled.

    Args:
        filename: as in ``code.co_filename``.
        flags: of the compiler, such as those of ``from __future__ import annotations`` in an earlier cell.
    """
    linecache.checkcache(filename)
    return _written("".join(linecache.getlines(filename)), filename, flags)


def has_text(filename: str) -> bool:
    """Tell whether a file, or a notebook's cell, can be read; a console has none."""
    linecache.checkcache(filename)
    return bool(linecache.getlines(filename))


@cache
def _written(text: str, filename: str, flags: int) -> list[Written]:
    """Return the definitions as the whole text compiles them, then as each statement alone does.

    A notebook compiles a cell's statements one after another, and calls of an imported module's functions then have
    other bytecode than where the import stands in the same text.
    """
    try:
        tree = ast.parse(text)
        units = [tree, *(ast.Module([node], []) for node in tree.body if len(tree.body) > 1 and _defines(node))]
        compiled = [compile(unit, filename, "exec", flags=flags, dont_inherit=True) for unit in units]
    except (SyntaxError, ValueError):
        return []
    return [written for unit, code in zip(units, compiled, strict=True) for written in _definitions(unit, code)]


def _defines(node: ast.stmt) -> bool:
    return any(isinstance(inner, Definition) for inner in ast.walk(node))


def _definitions(unit: ast.Module, compiled: CodeType) -> Iterator[Written]:
    codes: dict[tuple[str, int], CodeType] = {}
    waiting = [compiled]
    while waiting:
        for constant in waiting.pop().co_consts:
            if isinstance(constant, CodeType):
                codes.setdefault((constant.co_qualname, constant.co_firstlineno), constant)
                waiting.append(constant)
    for name, node in _walk(unit):
        line = min(each.lineno for each in (node, *node.decorator_list))
        if (name, line) in codes:
            yield Written(node, codes[name, line])


def _walk(node: ast.AST, before: str = "") -> Iterator[tuple[str, Definition]]:
    """Yield (qualified name, node) for all functions and classes below a node."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Definition):
            name = f"{before}{child.name}"
            yield name, child
            yield from _walk(child, f"{name}." if isinstance(child, ast.ClassDef) else f"{name}.<locals>.")
        else:
            yield from _walk(child, before)


def text_of(node: ast.AST) -> str:
    """Return a tree as a text that is equal for equal trees, without docstrings and places in the file.

    Examples:
        >>> one = ast.parse("def f(x): return x")
        >>> text_of(one) == text_of(ast.parse("def f(x):\\n    'Text.'\\n    return x  # it"))
        True
    """
    if not isinstance(node, ast.AST):
        return repr(node)
    parts = []
    for name, value in ast.iter_fields(node):
        if name == "body" and isinstance(node, Definition) and ast.get_docstring(node, clean=False) is not None:
            value = value[1:]
        if isinstance(value, list):
            if value:  # versions of Python differ in the empty fields that they have
                parts.append(f"{name}=[{', '.join(map(text_of, value))}]")
        elif value is not None and not (name == "kind" and isinstance(node, ast.Constant)):
            parts.append(f"{name}={text_of(value)}")
    return f"{type(node).__name__}({', '.join(parts)})"


def compiled_text(code: CodeType) -> str:
    """Return compiled code as a text that is equal for equal code of one version of Python, wherever it stands."""
    constants = list(code.co_consts)
    if _has_docstring(code):
        constants[0] = None
    parts = [
        *(code.co_name, code.co_flags, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount),
        *(code.co_code.hex(), code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars),
        *(code.co_exceptiontable.hex(), list(map(_constant, constants))),
    ]
    return f"{sys.implementation.cache_tag} {parts}"


def _has_docstring(code: CodeType) -> bool:
    """Tell whether the first constant is a docstring: up to Python 3.12 that of a function is one, or None."""
    if sys.version_info >= (3, 13):
        return bool(code.co_flags & inspect.CO_HAS_DOCSTRING)  # type: ignore[attr-defined]
    is_function = code.co_flags & inspect.CO_NEWLOCALS and not code.co_name.startswith("<")
    return bool(is_function) and bool(code.co_consts) and isinstance(code.co_consts[0], str)


def same(one: CodeType, other: CodeType) -> bool:
    """Tell whether two pieces of code do the same, apart from their places."""
    return one.co_qualname == other.co_qualname and compiled_text(one) == compiled_text(other)


@dataclass(frozen=True)
class Names:
    """The names that code reads: those of globals, and those of attributes, which may be a module's."""

    globals: frozenset[str]
    attributes: frozenset[str]

    def __or__(self, other: Names) -> Names:
        return Names(self.globals | other.globals, self.attributes | other.attributes)


def names_in(code: CodeType) -> Names:
    """Return the names that code and the functions inside it read; local variables are not among them."""
    read = (each.argval for each in dis.get_instructions(code) if each.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    names = Names(frozenset(read), frozenset(code.co_names))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= names_in(constant)
    return names


def names_around(node: Definition) -> Names:
    """Return the names in a definition's decorators and defaults, which its own code does not read."""
    parts: list[ast.AST | None] = [*node.decorator_list]
    if not isinstance(node, ast.ClassDef):
        parts += [*node.args.defaults, *node.args.kw_defaults]
    walked = [each for part in parts if part is not None for each in ast.walk(part)]
    return Names(
        frozenset(each.id for each in walked if isinstance(each, ast.Name)),
        frozenset(each.attr for each in walked if isinstance(each, ast.Attribute)),
    )


def changed_in(node: ast.AST) -> set[str]:
    """Return the names whose values a tree changes: by ``global``, an item, an attribute, or a method such as append.

    Examples:
        >>> sorted(changed_in(ast.parse("a.append(1); b['x'] = 2; c.y = 3; d = 4; e.index(5)")))
        ['a', 'b', 'c']
    """
    names: set[str] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Global):
            names |= set(each.names)
        elif isinstance(each, ast.Subscript | ast.Attribute) and not isinstance(each.ctx, ast.Load):
            names |= _base(each.value)
        elif isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and each.func.attr in CHANGE:
            names |= _base(each.func.value)
    return names


def _base(node: ast.expr) -> set[str]:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _constant(value: object) -> str:
    if isinstance(value, CodeType):
        return compiled_text(value)
    if isinstance(value, frozenset):
        return f"frozenset {sorted(map(_constant, value))}"
    if isinstance(value, tuple):
        return f"({', '.join(map(_constant, value))})"
    return f"{type(value).__name__} {value!r}"
