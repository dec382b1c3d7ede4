"""How many more weights pruning keeps than the sparsest network that is known of the Cubist Spiral.

    python benchmarks/cubist.py [--seeds 3] [--steps 1500] [--points 1000]

An MLP of three hidden layers of 16 units is pruned by each criterion to each of some numbers of weights, reset to its
initial weights and trained.  A line names the fewest weights with which the median accuracy over seeds, at the test
points, reaches 95 and 99 %, and how many of those lie on no path from input to output.  "in rounds" prunes a fifth of
the weights at a time, as lottery tickets are found.  All networks of a step are trained at once, with Adam on all
points.

With two seeds, 800 points and 1,200 steps (one thread): magnitude and SynFlow need 130 weights for 95 %, most others
190 and random masks 280; magnitude in rounds needs 151.  The dense networks of 576 weights reached 99.4 and 99.7 %.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn.functional import cross_entropy

import lotterylab as ll
from lotterylab.asking.methods import METHODS
from lotterylab.data.normalise import Normalise
from lotterylab.masks.counts import removal_count
from lotterylab.types import Dataset, Mask, State

KNOWN = 27  # weights of the network in tests/data/test_cubist.py
COUNTS = (27, 36, 48, 64, 90, 130, 190, 280)
TARGETS = (0.95, 0.99)
NAMES = (
    *("magnitude", "obd", "large-init-large-final", "movement", "magnitude-increase", "large-final-same-sign"),
    *("magnitude-at-init", "snip", "grasp", "synflow", "random"),
)
MODEL = ll.models.Mlp(activation="relu", init="he-normal", shape=(2, 1, 1), classes=2, widths=(16, 16, 16))


def points(dataset: Dataset, name: str) -> tuple[Tensor, Tensor]:
    """The inputs ``(n, 2, 1, 1)`` and targets ``(n,)`` of a split."""
    split = getattr(dataset, name)
    return Normalise.of(dataset)(split.images.permute(0, 2, 3, 1)).contiguous(), split.labels


def trained(starts: Sequence[State], masks: Sequence[Mask | None], dataset: Dataset, steps: int) -> list[State]:
    """The states after training, all at once; what a mask removes is 0 throughout."""
    (inputs, targets), module = points(dataset, "train"), MODEL.build()
    ones = ll.masks.ones(starts[0], [name for name in starts[0] if name.endswith("weight")])
    held = {name: torch.stack([(mask or ones)[name] for mask in masks]) for name in ones}
    weights = {name: torch.stack([start[name] for start in starts]) for name in starts[0]}
    weights = {name: (w * held[name] if name in held else w).requires_grad_() for name, w in weights.items()}
    forward = vmap(lambda state: functional_call(module, state, (inputs,)))
    optimizer = torch.optim.Adam(weights.values(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=1e-4)
    for _ in range(steps):
        logits = forward(weights)
        optimizer.zero_grad()
        cross_entropy(logits.flatten(0, 1), targets.repeat(len(masks))).mul(len(masks)).backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            for name, kept in held.items():
                weights[name] *= kept
    return [State({name: w[number].detach() for name, w in weights.items()}) for number in range(len(masks))]


def accuracies(states: Sequence[State], dataset: Dataset) -> list[float]:
    """The share of right answers at the test points."""
    (inputs, targets), module = points(dataset, "test"), MODEL.build()
    return [float((functional_call(module, state, (inputs,)).argmax(1) == targets).double().mean()) for state in states]


def cut(name: str, count: int, initial: State, final: State, batch: tuple[Tensor, Tensor], seed: int) -> Mask:
    """The mask of a method that keeps ``count`` weights."""
    method, module = METHODS[name], MODEL.build()
    module.load_state_dict(initial if method.scores == "initial" else final)
    entries = sum(w.numel() for key, w in initial.items() if key.endswith("weight"))
    return ll.prune(
        module.train(method.mode == "train"),
        method.criterion,
        f"{entries - count}/{entries}",
        batch=batch,
        initial=initial,
        rounds=method.rounds,
        ties=method.ties,
        seed=seed,
    )


def in_rounds(starts: list[State], dense: list[State], dataset: Dataset, steps: int) -> list[list[tuple[int, Mask]]]:
    """Iterative magnitude pruning: for each seed, the number of weights and the mask of each round."""
    states, masks, found = dense, [None] * len(starts), [[] for _ in starts]
    entries = sum(w.numel() for key, w in starts[0].items() if key.endswith("weight"))
    left = entries
    while (left := left - removal_count("1/5", left)) >= KNOWN:
        module, pruned = MODEL.build(), []
        for state, mask, rounds in zip(states, masks, found, strict=True):
            module.load_state_dict(state)
            pruned.append(ll.prune(module, ll.criteria.Magnitude(), f"{entries - left}/{entries}", mask=mask))
            rounds.append((left, pruned[-1]))
        states, masks = trained(starts, pruned, dataset, steps), pruned
    return found


def fewest(found: list[tuple[int, float, int]], target: float) -> str:
    """The fewest weights of (number, accuracy, idle) that reach the target at the median over seeds, and the idle."""
    for count in sorted({count for count, _, _ in found}):
        of_count = [(accuracy, idle) for other, accuracy, idle in found if other == count]
        if statistics.median(accuracy for accuracy, _ in of_count) >= target:
            return f"{count:6} {count - KNOWN:+6} {round(statistics.median(idle for _, idle in of_count)):6}"
    return f"{'more':>6} {'':6} {'':6}"


def main() -> None:
    """Prune, train and print a line for each method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--points", type=int, default=1000)
    asked = parser.parse_args()
    dataset = ll.data.CubistSpiral(train=asked.points, test=4_000).load(None)
    batch, seeds = points(dataset, "train"), range(asked.seeds)
    starts = [MODEL.initial(seed, "init", "named") for seed in seeds]
    dense = trained(starts, [None] * len(starts), dataset, asked.steps)
    print(f"dense: {', '.join(f'{accuracy:.3f}' for accuracy in accuracies(dense, dataset))}")
    print(f"known: {KNOWN} weights, 100 %")
    print(f"{'method':24}" + "".join(f"  {target:4.0%}:{'more':>7} {'idle':>6} " for target in TARGETS))
    ways = {
        name: [[(count, cut(name, count, starts[s], dense[s], batch, s)) for count in COUNTS] for s in seeds]
        for name in NAMES
    }
    ways["magnitude, in rounds"] = in_rounds(starts, dense, dataset, asked.steps)
    module = MODEL.build()
    for name, by_seed in ways.items():
        cases = [(starts[seed], count, mask) for seed in seeds for count, mask in by_seed[seed]]
        states = trained([start for start, _, _ in cases], [mask for _, _, mask in cases], dataset, asked.steps)
        found = []
        for accuracy, (_, count, mask) in zip(accuracies(states, dataset), cases, strict=True):
            idle = ll.effective_sparsity(module, mask, (2, 1, 1))["idle"] * ll.masks.entries(mask)
            found.append((count, accuracy, round(idle)))
        print(f"{name:24}" + "  ".join(fewest(found, target) for target in TARGETS), flush=True)


if __name__ == "__main__":
    main()
