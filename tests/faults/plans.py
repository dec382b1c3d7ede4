"""Plans for the faults: tiny, and with every kind of node."""

from __future__ import annotations

from dataclasses import replace

import some_loop
from lotterylab.combining import Aligned, Average
from lotterylab.criteria import Magnitude
from lotterylab.interventions import EarlyBird
from lotterylab.models import ConvN, ShallowCnn
from lotterylab.own_code.naming import code_of
from lotterylab.plan.nodes import Channels, Combine, CombineMask, Dense, Init, MaskOf, Node, Permute, Prune, Shuffle
from lotterylab.plan.user_nodes import Promises, UserTrain
from lotterylab.training.optim import Adam
from lotterylab.training.user import UserModel, UserTraining
from some_plans import AGAIN, DENSE, FAILS, INIT, MAGNITUDE, PLANS, RECIPE, RUN, train

STEP = 6

# dropout and Adam: what a checkpoint holds beside weights
MODEL = ConvN(depth=2, activation="relu", shape=(1, 8, 8), width=0.05, dropout=0.3)
OTHER = train(
    Dense(model=MODEL),
    start=Init(model=MODEL, seed=0),
    recipe=replace(RECIPE, optimizer=Adam(lr=1e-3, weight_decay=0.1)),
)
CUT = Prune(criterion=Magnitude(), of=OTHER.final, sparsity=0.5, seed=0)
REWOUND = train(CUT, start=OTHER.at(STEP), recipe=OTHER.recipe)
PERMUTED = train(MAGNITUDE, start=Permute(of=INIT, seed=1, mask=MAGNITUDE))

CODE = f"{code_of(some_loop.init_fn, some_loop.train_fn, some_loop.eval_fn).digest} 1"
USER_MODEL = UserModel(label="loop", code=CODE, shape=None, function=some_loop.init_fn)
USER = UserTrain(
    start=Init(model=USER_MODEL, seed=0),
    mask=Dense(model=USER_MODEL),
    recipe=UserTraining(label="loop", code=CODE, steps=8, train=some_loop.train_fn, evaluate=some_loop.eval_fn),
    order_seed=0,
)
USER_CUT = Prune(criterion=Magnitude(), of=USER.final, sparsity=0.5, seed=0)
USER_TICKET = replace(USER, mask=USER_CUT, start=USER.at(3))

SHUFFLED = train(Shuffle(mask=MAGNITUDE, seed=0))
LONG = replace(RECIPE, epochs=20)

# a mask that an intervention found, and what it carries in each checkpoint
NORMED = ShallowCnn(activation="relu", shape=(1, 8, 8), widths=(2, 3, 4), batch_norm=True)
BIRD = EarlyBird(sparsity=0.4, masks=2, distance=1.0, stop=False)
SEARCH = train(Dense(model=NORMED), start=Init(model=NORMED, seed=0), recipe=replace(RECIPE, during=(BIRD,)))
FOUND = SEARCH.at(BIRD.name)
DRAWN = train(Channels(of=MaskOf(of=SEARCH, name=BIRD.name), state=FOUND), start=FOUND)

AVERAGED = train(MAGNITUDE, start=Combine(of={"a": INIT, "b": SHUFFLED.start}, rule=Average()))
MOVED = CombineMask(of={"moved": MAGNITUDE, "a": RUN.final, "b": RUN.final}, rule=Aligned(model=INIT.model))

KINDS: dict[str, tuple[Node, ...]] = {
    # every kind of node, two twins, a choice, steps of runs, a loop of a user's own: 39 tasks
    "kinds": (
        *PLANS["whole"],
        REWOUND,
        OTHER.at(11),
        PERMUTED,
        USER_TICKET,
        Promises(run=USER),
        DRAWN,
        AVERAGED,
        MOVED,
    ),
    "whole": PLANS["whole"],
    # every kind of write of the engine in few calls: a blob, a checkpoint, a manifest, a twin, a failure
    "writes": (train(MAGNITUDE), train(AGAIN), FAILS),
    # for workers: trainings that are long enough to be met by a kill
    "workers": (
        *(train(recipe=LONG, order_seed=seed) for seed in range(6)),
        train(MAGNITUDE, recipe=LONG),
        train(AGAIN, recipe=LONG),
        SHUFFLED,
        *PLANS["whole"],
    ),
}
# all that a store can hold: finished, unfinished and failed tasks
KINDS["rich"] = (FAILS, *KINDS["kinds"])

__all__ = ["DENSE", "FAILS", "INIT", "KINDS", "RUN"]
