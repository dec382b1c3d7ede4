"""The audit raises no alarm for correct pipelines."""

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from lotterylab import masks
from lotterylab.auditing import audit
from lotterylab.masks.select import select


def trained(module: nn.Module, x, y, steps: int, mask: dict | None) -> dict:
    """Train in a plain loop with momentum and weight decay, and hold the mask after each step."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x), y).backward()
        optimizer.step()
        if mask:
            masks.apply(module, mask)
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.tuples(st.integers(2, 12), st.integers(2, 24), st.integers(2, 5)),
    percent=st.integers(0, 95),
    seed=st.integers(0, 2**31),
    norm=st.booleans(),
)
def test_a_correct_one_shot_pipeline_never_alarms(sizes, percent, seed, norm):
    """No network raises an alarm, except for a layer that magnitude really empties."""
    torch.manual_seed(seed)
    inputs, hidden, classes = sizes
    middle = nn.BatchNorm1d(hidden) if norm else nn.Identity()
    module = nn.Sequential(nn.Linear(inputs, hidden), middle, nn.Tanh(), nn.Linear(hidden, classes))
    x, y = torch.randn(16, inputs), torch.randint(classes, (16,))
    init = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    dense = trained(module, x, y, 4, None)
    scores = {name: dense[name].abs() for name in ("0.weight", "3.weight")}
    mask = select(scores, percent / 100)
    assume(all(bool(kept.any()) for kept in mask.values()))
    module.load_state_dict(init)
    masks.apply(module, mask)
    start = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    end = trained(module, x, y, 4, mask)
    assert audit(init, dense, start, end, mask, percent / 100, scores=scores) == []
