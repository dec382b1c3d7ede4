"""Curves that a user's training function logs: ``run.log(step, loss=0.3)``."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from lotterylab.errors import UsageError

MOST_POINTS = 2000  # of one curve; a longer one keeps every second point, or fourth, or eighth ...


class Logged:
    """A ``Logged`` holds curves by name; each is a list of steps and a list of values.

    Examples:
        >>> logged = Logged(range(0, 3))
        >>> logged.add(0, {"loss": 0.5})
        >>> logged.add(2, {"loss": 0.25})
        >>> logged.curves
        {'loss': {'steps': [0, 2], 'values': [0.5, 0.25]}}
    """

    def __init__(self, steps: range) -> None:
        self._steps = steps
        self.curves: dict[str, dict[str, list[Any]]] = {}
        self._thinned: dict[str, tuple[int, int]] = {}  # points given so far, and how many to one that is kept

    def add(self, step: Any, numbers: Mapping[str, Any]) -> None:
        """Add a point to each curve.

        Args:
            step: a step of this call, or the step at its end.
            numbers: a number, or a tensor of one number, by the name of its curve.

        Raises:
            UsageError: the step is not a whole number or lies outside the call, or a value is not a number.
        """
        if not isinstance(step, int) or isinstance(step, bool):
            raise UsageError(f"run.log was given the step {step!r}. Give the step of run.steps, a whole number.")
        first, end = self._steps.start, self._steps.stop
        if not first <= step <= end:
            raise UsageError(f"run.log was given step {step}; this call trains the steps {first} to {end - 1}.")
        for name, value in numbers.items():
            number = _number(name, value)
            curve = self.curves.setdefault(name, {"steps": [], "values": []})
            seen, every = self._thinned.get(name, (0, 1))
            if seen % every == 0:
                curve["steps"].append(step)
                curve["values"].append(number)
            if len(curve["steps"]) > MOST_POINTS:
                every *= 2
                for points in curve.values():
                    del points[1::2]
            self._thinned[name] = (seen + 1, every)


def _number(name: str, value: Any) -> float:
    if isinstance(value, Real):
        return float(value)
    size, item = getattr(value, "numel", None), getattr(value, "item", None)  # a tensor, without importing torch
    if callable(item) and (not callable(size) or size() == 1):
        try:
            return float(item())  # pyright: ignore[reportArgumentType]
        except (TypeError, ValueError):
            pass
    raise UsageError(f"run.log was given {name} = {value!r}. Give a number, or a tensor of one number.")
