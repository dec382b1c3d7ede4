"""A chart of what training costs, from the lines of ``history.jsonl``.

    python benchmarks/draw.py [--out benchmarks/costs.svg] [--processor NAME]

Left: seconds a network against the work of training it, for every case that trained two networks.  Right: seconds in
all against the number of networks, for cases that were run with several (``bench.py --networks``).  Of several lines of
a case the last one counts.  Only lines of one processor are drawn, by default of the last line's.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator

HISTORY = Path(__file__).parent / "history.jsonl"
LOOKS = {
    "loader": ("DataLoader, 1 process of 2 threads", "#9a9a9a", "s"),
    "own loop": ("in memory, 2 processes", "#d55e00", "^"),
    "lotterylab": ("lotterylab, 2 workers", "#0072b2", "o"),
}
NETWORKS = 2  # where a line does not say


def lines(processor: str | None) -> list[dict[str, Any]]:
    """Return the lines of training on one processor, the last one of each case and number of networks."""
    every = [line for line in map(json.loads, HISTORY.read_text().splitlines()) if "seconds" in line]
    chosen = processor or every[-1]["processor"]
    last = {(line["name"], line.get("networks", NETWORKS)): line for line in every if line["processor"] == chosen}
    if not last:
        known = ", ".join(sorted({line["processor"] for line in every}))
        raise SystemExit(f"No line of '{chosen}' is in {HISTORY.name}. It has: {known}.")
    return list(last.values())


def work(line: dict[str, Any]) -> float:
    """Return the GFLOP of all networks of a line, multiplications by pruned weights left out."""
    return line["share of products"] * 2 * line["GFLOP/s of products"] * line["seconds"]["lotterylab"][0]


def by_size(axes: Any, found: list[dict[str, Any]]) -> None:
    """Draw seconds a network against the work of training it."""
    pairs = [line for line in found if line.get("networks", NETWORKS) == NETWORKS]
    for word, (label, colour, marker) in LOOKS.items():
        x = [work(line) / NETWORKS for line in pairs]
        y = [line["seconds"][word][0] / NETWORKS for line in pairs]
        axes.plot(x, y, marker, color=colour, label=label, markersize=5)
    alike: dict[int, list[dict[str, Any]]] = defaultdict(list)  # cases above each other share a label
    for line in sorted(pairs, key=lambda line: line["name"]):
        alike[round(10 * math.log10(work(line)))].append(line)
    for rows in alike.values():
        where = work(rows[0]) / NETWORKS
        times = [row["seconds"][word][0] / NETWORKS for row in rows for word in LOOKS]
        axes.plot([where] * 2, [min(times), max(times)], color="#cccccc", linewidth=0.8, zorder=0)
        names, place = "\n".join(row["name"] for row in rows), (where, min(times))
        axes.annotate(names, place, (0, -6), textcoords="offset points", fontsize=6, ha="center", va="top")
    axes.set(xscale="log", yscale="log", xlabel="work of one training, GFLOP", ylabel="time a network, s")
    axes.margins(0.2, 0.12)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FormatStrFormatter("%g"))
        axis.set_minor_locator(NullLocator())


def by_number(axes: Any, several: dict[str, list[dict[str, Any]]]) -> None:
    """Draw seconds in all against the number of networks."""
    for (name, rows), style in zip(several.items(), ("-", "--", ":", "-."), strict=False):
        rows.sort(key=lambda line: line.get("networks", NETWORKS))
        for word, (_, colour, marker) in LOOKS.items():
            points = [
                (row.get("networks", NETWORKS), row["seconds"][word][0]) for row in rows if word in row["seconds"]
            ]
            axes.plot(*zip(*points, strict=True), style, marker=marker, color=colour, markersize=5)
        number, seconds = rows[-1].get("networks", NETWORKS), rows[-1]["seconds"]["lotterylab"][0]
        axes.annotate(name, (number, seconds), (0, -11), textcoords="offset points", fontsize=6, ha="right")
    axes.set(xlabel="networks", ylabel="time in all, s", ylim=(0, None))


def main() -> None:
    """Write the chart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HISTORY.with_name("costs.svg"))
    parser.add_argument("--processor", help='as the lines name it, such as "AuthenticAMD 25 1"')
    given = parser.parse_args()
    found = lines(given.processor)
    cases: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in found:
        cases[line["name"]].append(line)
    several = {name: rows for name, rows in cases.items() if len(rows) > 1}
    figure = Figure(figsize=(9, 4.2) if several else (5.5, 4.2), layout="constrained")
    panels = figure.subplots(1, 2 if several else 1, squeeze=False)[0]
    by_size(panels[0], found)
    if several:
        by_number(panels[1], several)
    for axes in panels:
        axes.grid(color="#e5e5e5")
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=len(LOOKS) if several else 1, frameon=False)
    first = found[0]
    figure.suptitle(f"{first['cores']} cores, {first['processor']}, torch {first['torch']}", fontsize=9)
    figure.savefig(given.out, metadata={"Date": None} if given.out.suffix == ".svg" else None)
    print(given.out)


if __name__ == "__main__":
    main()
