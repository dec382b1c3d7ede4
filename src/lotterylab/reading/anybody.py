"""Anybody's results, as one number for each arm, place and seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lotterylab.errors import UsageError, suggestion
from lotterylab.formats.csv_files import Table
from lotterylab.formats.text import shown

METRIC, VALUE, PART, SEED, SPARSITY = "metric", "value", "part", "seed", "sparsity"
ARMS = (
    "arm",
    "method",
    "algorithm",
    "group",
    "model",
    "optimizer",
    "name",
    "run",
)  # columns that name arms, the first wins
WITH = {"method": ("control",)}  # columns that belong to an arm's name
USUAL = ("test_accuracy", "accuracy", "test_acc", "acc")  # the metric that is read if none was named
NO_WORD = ("", "none")  # where an arm has no control, for example
TRUTHS = {"true", "false", "yes", "no"}
MOST_LISTED = 12

Place = tuple[str, ...]  # one label for each column of places
PerSeed = dict[str, float]
Arms = dict[str, PerSeed]  # arm -> seed -> number


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A ``Reading`` is what was taken from a table.

    Args:
        metric: the name of the number.
        arms: the columns that name an arm; ``by``: those that name a place.
        places: place -> arm -> seed -> number, in the order of the table.
        lost: (place, arm) -> seeds whose number is missing or not finite.
        averaged: the most rows that were averaged for one seed.
    """

    metric: str
    arms: tuple[str, ...]
    by: tuple[str, ...]
    places: Mapping[str, Arms]
    lost: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    averaged: int = 1


def read_arms(
    table: Table,
    *,
    metric: str = "",
    arms: Sequence[str] = (),
    by: Sequence[str] | None = None,
    seed: str = SEED,
    where: Mapping[str, str] | None = None,
    average: bool = False,
) -> Reading:
    """Return one number for each arm, place and seed of a table.

    A wide table has one row for each run and a column for each number.  A long table, such as ``results.csv`` of a
    report, has the columns "metric" and "value".  An arm that has no sparsity (0) is compared at each sparsity of the
    others.

    Args:
        table: the table.
        metric: the column of the number, or the metric of a long table, "train.test_accuracy".
        arms: the columns that name an arm; by default the first of ``ARMS`` that is there.
        by: the columns that name a place, within which arms are compared; by default the other columns of text, and
            "sparsity".
        seed: the column that pairs runs.
        where: column -> text; only rows with these texts count.
        average: whether several rows of one arm, place and seed are averaged; by default they are refused.

    Raises:
        UsageError: a column is missing, the metric is not known, or a seed has several rows that no column tells apart.
    """
    long = METRIC in table.columns and VALUE in table.columns
    seed_column = seed if seed != SEED else next((name for name in table.columns if name.lower() == SEED), seed)
    if seed_column not in table.columns:
        raise UsageError(
            f"{table.path} has no column '{shown(seed)}', which pairs the runs. Name it: --seed COLUMN. Columns: "
            f"{_listed(table.columns)}."
        )
    named = tuple(arms) or _arm_columns(table)
    for name in (*named, *(by or ()), *(where or {})):
        table.index(name)
    taken = {*named, seed_column, *([METRIC, VALUE, PART] if long else [])}
    chosen = _metric_long(table, metric) if long else _metric_wide(table, metric, taken)
    places = tuple(by) if by is not None else _places(table, taken | ({chosen} if not long else set()))
    rows = [row for row in table.rows if all(row[table.index(name)] == text for name, text in (where or {}).items())]
    if long:
        rows = [row for row in rows if _name_of(table, row) == chosen]
    if not rows:
        raise UsageError(f"{table.path} has no row with {_spelled(where or {})}. Check --where.")
    value = table.index(VALUE if long else chosen)
    cells: dict[tuple[Place, str, str], list[float | None]] = {}
    first: dict[tuple[Place, str, str], tuple[str, ...]] = {}
    for row in rows:
        words = (row[table.index(name)].strip() for name in named)
        arm = ", ".join(word for word in words if word.lower() not in NO_WORD) or "(no name)"
        place = tuple(_labelled(name, row[table.index(name)]) for name in places)
        key = place, arm, row[table.index(seed_column)].strip()
        if key in cells and not average:
            raise _several(table, key, first[key], row, taken | set(places))
        first.setdefault(key, row)
        cells.setdefault(key, []).append(table.number(row[value]))
    return _reading(cells, chosen, named, places)


def _reading(
    cells: Mapping[tuple[Place, str, str], list[float | None]], metric: str, arms: tuple[str, ...], by: tuple[str, ...]
) -> Reading:
    places: dict[Place, Arms] = {}
    lost: dict[tuple[str, str], list[str]] = {}
    for (place, arm, seed), values in cells.items():
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            lost.setdefault((_joined(place), arm), []).append(seed)
        else:
            places.setdefault(place, {}).setdefault(arm, {})[seed] = sum(known) / len(known)
    if SPARSITY in by:
        places = _at_each_sparsity(places, by.index(SPARSITY))
    return Reading(
        metric=metric,
        arms=arms,
        by=by,
        places={_joined(place): arms for place, arms in places.items()},
        lost={key: tuple(seeds) for key, seeds in lost.items()},
        averaged=max(map(len, cells.values())),
    )


def _at_each_sparsity(places: Mapping[Place, Arms], column: int) -> dict[Place, Arms]:
    """Return the places with an arm that has no sparsity at each sparsity of the others."""
    none = _labelled(SPARSITY, "0")
    dense = {place: arms for place, arms in places.items() if place[column] == none}
    rest = {place: dict(arms) for place, arms in places.items() if place not in dense}
    if not rest:
        return dict(places)
    for place, arms in dense.items():
        for other, inside in rest.items():
            if (*place[:column], *place[column + 1 :]) == (*other[:column], *other[column + 1 :]):
                for arm, seeds in arms.items():
                    inside.setdefault(arm, seeds)
    return {**{place: arms for place, arms in dense.items() if len(arms) > 1}, **rest}


def _joined(place: Place) -> str:
    return ", ".join(filter(None, place))


def _arm_columns(table: Table) -> tuple[str, ...]:
    first = next((name for name in ARMS if name in table.columns), None)
    if first is None:
        raise UsageError(
            f"{table.path} has no column that names the arms ({', '.join(ARMS)}). Name it: --arms COLUMN. Columns: "
            f"{_listed(table.columns)}."
        )
    return (first, *(name for name in WITH.get(first, ()) if name in table.columns))


def _places(table: Table, taken: set[str]) -> tuple[str, ...]:
    """Return the columns of text that are not taken, and the sparsity.

    Columns of one value do not count, nor those of truths ("diverged"), nor texts that most rows have alone (digests).
    """
    places = []
    for name in (name for name in table.columns if name not in taken):
        texts = {text.strip().lower() for text in table.column(name)}
        if len(texts) > 1 and (name == SPARSITY or not (texts <= TRUTHS or table.is_numeric(name))):
            places += [name] if name == SPARSITY or 2 * len(texts) <= len(table.rows) else []
    return tuple(places)


def _metric_long(table: Table, metric: str) -> str:
    known = list(dict.fromkeys(_name_of(table, row) for row in table.rows))
    return _chosen(table, metric, known)


def _metric_wide(table: Table, metric: str, taken: set[str]) -> str:
    known = [name for name in table.columns if name not in taken and name != SPARSITY and table.is_numeric(name)]
    if metric in table.columns and metric not in known:
        raise UsageError(f"{table.path}: the column '{shown(metric)}' does not hold numbers alone.")
    return _chosen(table, metric, known)


def _chosen(table: Table, metric: str, known: Sequence[str]) -> str:
    """Return the metric that was named, in full or by its last part, or the usual one."""
    for wanted in (metric,) if metric else USUAL:
        for found in ([name for name in known if name == wanted], [n for n in known if n.endswith(f".{wanted}")]):
            if len(found) == 1:
                return found[0]
    if not metric and len(known) == 1:
        return known[0]
    what = (
        f"no metric '{shown(metric)}'.{suggestion(metric, known)}" if metric else "several numbers and no usual name."
    )
    raise UsageError(f"{table.path} has {what} Name one: --metric NAME. There are: {_listed(known)}.", option="metric")


def _name_of(table: Table, row: Sequence[str]) -> str:
    part = row[table.index(PART)] if PART in table.columns else ""
    return f"{part}.{row[table.index(METRIC)]}" if part else row[table.index(METRIC)]


def _labelled(name: str, cell: str) -> str:
    """Return a cell as a part of a place's name; numbers are told with their column."""
    cell = cell.strip()
    try:
        return f"{name} {float(cell):g}" if cell else ""
    except ValueError:
        return cell


def _several(
    table: Table, key: tuple[Place, str, str], one: Sequence[str], other: Sequence[str], taken: set[str]
) -> UsageError:
    place, arm, seed = key
    pairs = zip(table.columns, one, other, strict=True)
    differ = [name for name, a, b in pairs if a != b and name not in taken]
    columns = f"; they differ in {_listed(differ)}" if differ else "; they are alike"
    inside = f" in {shown(_joined(place))}" if any(place) else ""
    return UsageError(
        f"{table.path}: '{shown(arm)}'{inside} has several rows for seed {shown(seed)}{columns}. Choose rows "
        "(--where COLUMN=TEXT), tell them apart (--by COLUMN), or average them (--average)."
    )


def _spelled(where: Mapping[str, str]) -> str:
    return " and ".join(f"{shown(name)}={shown(text)}" for name, text in where.items()) or "this metric"


def _listed(names: Iterable[str]) -> str:
    names = [shown(name, most=60) for name in names]
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more
