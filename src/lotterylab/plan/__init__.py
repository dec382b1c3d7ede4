"""An experiment is a value: build a plan of your own, price it, run it and read it.

The nodes, the procedures that build them, and ``price``, ``run``, ``results`` and ``cite``; docs/plans.md shows a plan
in ten lines.  Importing this package imports no torch: a name is loaded when it is first used.
"""

from lotterylab.homes import offered

# most of the homes are above this room, so that they are named and not imported
__getattr__, _names = offered(
    __name__,
    {
        "lotterylab.plan.nodes": (
            *("At", "Channels", "Choose", "Combine", "CombineMask", "Data", "Dense", "Init", "MaskOf", "Measure"),
            *("Node", "Permute", "Prune", "ResetsOf", "Shuffle", "Train"),
        ),
        "lotterylab.plan.plan": ("Plan", "Prediction", "Row"),
        "lotterylab.masks.counts": ("Rate",),
        "lotterylab.training.recipe": ("Recipe",),
        "lotterylab.training.losses": ("CrossEntropy", "LabelSmoothing", "MeanSquaredError", "ScalesL1"),
        "lotterylab.training.optim": ("Adam", "Sgd"),
        "lotterylab.training.schedules": ("Constant", "EpochDrops", "FractionDrops", "Warmup"),
        "lotterylab.procedures": (
            *("RewindTo", "Ticket", "aligned", "at_initialisation", "at_initialisation_inside", "control", "dense_run"),
            *("fine_tuning", "iterative", "iterative_inside", "learning_rate_rewinding", "one_shot", "random_inside"),
            *("reset", "transferred"),
        ),
        "lotterylab.own_plans": ("Price", "by_arm", "cite", "comparison", "pinned", "price", "results", "run"),
    },
)


def __dir__() -> list[str]:
    return _names
