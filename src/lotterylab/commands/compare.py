"""The commands that compare: two results of a store, and the arms in anybody's table of results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lotterylab.asking.options import Declared, option
from lotterylab.commands.shared import Place, print_json
from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError
from lotterylab.formats.text import shown
from lotterylab.reading.anybody import SEED, Reading
from lotterylab.reading.contrasts import Contrast
from lotterylab.reading.words import interval_text


@dataclass(frozen=True, kw_only=True)
class Diff(Declared):
    """Print the settings, numbers and facts in which two results differ; table --json and the page show digests."""

    a: str = option(help="The first digits of a result's digest", shown="A", positional=True)
    b: str = option(help="The first digits of the other result's digest", shown="B", positional=True)
    place: Place
    json: bool = option(False, help="As JSON")

    def __call__(self) -> int:
        """Print the differences, and return 0 even if there are some."""
        from lotterylab.report.differences import differences, lines

        store = self.place.open(to_read=True)
        a, b = find(store, self.a), find(store, self.b)
        different = differences(a, b, store)
        if self.json:
            print_json({"a": a.digest, "b": b.digest, **different})
        else:
            print("\n".join(lines(a, b, different)))
        return 0


def find(store: Store, beginning: str) -> Record:
    """Return the only record whose digest begins with these digits.

    Raises:
        UsageError: no digest begins so, or several do.
    """
    digests = sorted(digest for digest in store.names() if beginning and digest.startswith(beginning))
    record = store.record(digests[0]) if len(digests) == 1 else None
    if record is None:
        shown = ", ".join(digest[:16] for digest in digests[:5])
        what = f"{len(digests)} begin so: {shown}" if digests else "none begins so"
        raise UsageError(
            f"a result of {store.path} was asked for by '{beginning}', the first digits of its digest; {what}. "
            "The report's table of runs, and table --json, show the digests."
        )
    return record


@dataclass(frozen=True, kw_only=True)
class Compare(Declared):
    """Compare the arms in a CSV file of results: differences paired by seed, with intervals and corrected p values."""

    file: Path = option(
        help="A CSV file: a row for each run with a column for each number, or the results.csv of a report",
        shown="FILE",
        positional=True,
    )
    metric: str = option("", help="The number to compare: its column, or its name in results.csv", shown="NAME")
    arms: tuple[str, ...] = option((), help="The columns that name an arm (default arm, method, ...)", shown="COLUMN")
    by: tuple[str, ...] = option(
        (), help="The columns within which arms are compared (default those of text, and sparsity)", shown="COLUMN"
    )
    seed: str = option(SEED, help="The column that pairs the runs", shown="COLUMN")
    where: tuple[str, ...] = option((), help="Only rows with this text in this column", shown="COLUMN=TEXT")
    against: str = option("", help="The arm that all others are compared with; default all pairs", shown="ARM")
    margin: float | None = option(None, help="The largest difference that does not matter: equivalence and power")
    looks: int = option(1, help="How often these numbers were looked at, this time included; p values count it")
    average: bool = option(False, help="Average several rows of one arm, place and seed")
    json: bool = option(False, help="As JSON")

    def __call__(self) -> int:
        """Print a line for each difference, and what was read and corrected; return 0 whatever they say."""
        from lotterylab.formats.csv_files import read_table
        from lotterylab.reading.anybody import read_arms
        from lotterylab.reading.contrasts import contrasts

        table = read_table(self.file.expanduser())
        reading = read_arms(
            table,
            metric=self.metric,
            arms=self.arms,
            by=self.by or None,
            seed=self.seed,
            where=dict(map(_condition, self.where)),
            average=self.average,
        )
        found = contrasts(reading, against=self.against, margin=self.margin, looks=self.looks)
        if self.json:
            print_json(
                {
                    "metric": reading.metric,
                    "arms": reading.arms,
                    "by": reading.by,
                    "looks": self.looks,
                    "margin": self.margin,
                    "level": found[0].interval.level,
                    "contrasts": [{**asdict(each), "says": each.says} for each in found],
                }
            )
            return 0
        print("\n".join((*_table(found), "", *self._notes(reading, found))))
        return 0

    def _notes(self, reading: Reading, found: Sequence[Contrast]) -> Iterator[str]:
        columns = f"arms by {', '.join(reading.arms)}" + (f", places by {', '.join(reading.by)}" if reading.by else "")
        yield f"{shown(reading.metric)}: {columns}; paired by {self.seed}."
        level = f"{100 * found[0].interval.level:.4g} %"
        yield (
            f"t intervals of {level}; p Holm: corrected for {len(found)} comparison{'' if len(found) == 1 else 's'}"
            + (" and their tests of equivalence" if self.margin is not None else "")
            + "."
        )
        if self.looks == 1:
            yield "Looks: 1. If you looked before and might have stopped there, declare it: --looks N."
        else:
            yield f"Looks: {self.looks}. Each p value is multiplied by {self.looks}, and the intervals are widened."
        if self.margin is None:
            yield "No margin: nothing can be called equal, and no power is known. Give --margin."
        else:
            yield (
                f"Margin {self.margin:g}. Power: the chance that as many seeds of this spread show a difference of the "
                "margin; needs: the seeds for 80 %. Both are for one comparison alone."
            )
        if unpaired := sum(each.unpaired for each in found):
            yield f"{unpaired} seed{'s are' if unpaired > 1 else ' is'} left out because only one side has them."
        if reading.averaged > 1:
            yield f"Up to {reading.averaged} rows were averaged for one seed."


def _condition(words: str) -> tuple[str, str]:
    """Return the column and the text of a condition.

    Raises:
        UsageError: the condition has no equals sign.
    """
    name, equals, text = words.partition("=")
    if not equals:
        raise UsageError(f"'{shown(words)}' is not a condition. Write COLUMN=TEXT, such as epoch=40.", option="where")
    return name.strip(), text.strip()


def _sides(contrast: Contrast) -> str:
    place = f"{contrast.place}: " if contrast.place else ""
    return shown(f"{place}{contrast.a} minus {contrast.b}", most=None)


def _table(found: Sequence[Contrast]) -> Iterator[str]:
    """Yield the lines of a table, as wide as its cells."""
    equal = any(contrast.margin is not None for contrast in found)
    more = ["p equal", "power", "needs"] if equal else []
    head = ["difference of", "n", "mean [interval]", "p", "p Holm", *more, "says"]
    rows = [head]
    for each in found:
        numbers = [each.p, each.p_holm, *([each.p_equal] if equal else [])]
        power = [f"{each.power:.2f}" if each.power is not None else "", f"{each.needs or ''}"] if equal else []
        cells = [f"{number:.4f}" if number is not None else "" for number in numbers]
        says = f"{each.says} ({each.caveat})" if each.caveat else each.says
        rows.append(
            [_sides(each), str(each.interval.n), interval_text(each.interval, 4, sign=True), *cells, *power, says]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.rjust(width) if 0 < place < len(row) - 1 else cell.ljust(width)
                 for place, (cell, width) in enumerate(zip(row, widths, strict=True))]  # fmt: skip
        yield "  ".join(cells).rstrip()
