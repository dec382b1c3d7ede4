"""Names that live elsewhere: a package offers them, and their home is imported when a name is first used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def offered(
    package: str, homes: Mapping[str, Iterable[str]], rooms: Iterable[str] = ()
) -> tuple[Callable[[str], Any], list[str]]:
    """Return the ``__getattr__`` of a package whose names live in other modules, and the sorted names.

    Args:
        package: the package that offers the names.
        homes: a module -> the names that it defines.
        rooms: modules of the package itself that it offers under their own names.
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    modules = frozenset(rooms)

    def find(name: str) -> Any:
        if name in modules:
            return import_module(f"{package}.{name}")
        if name in home_of:
            return getattr(import_module(home_of[name]), name)
        raise AttributeError(f"module '{package}' has no attribute '{name}'")

    return find, sorted((*home_of, *modules))
