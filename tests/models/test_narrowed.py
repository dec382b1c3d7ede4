"""The small dense network has the right count, and no narrower or wider network is nearer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lotterylab.errors import UsageError
from lotterylab.masks.counts import Rate
from lotterylab.models import ConvN, CustomModel, LeNet300100, Mlp, Narrowed, ResNet, ShallowCnn, Vgg
from lotterylab.models.base import ModelSpec
from lotterylab.weights import prunable_names

LENET = Rate(share=0.2, output=0.1)
SPECS = (
    LeNet300100(),
    Mlp(widths=(50, 20, 30), shape=(1, 8, 8)),
    ShallowCnn(shape=(1, 8, 8)),
    ConvN(depth=2, width=0.25),
    Vgg(depth=11, width=0.25, shape=(3, 32, 32)),
    ResNet(depth=20, width=0.5),
)


def weights(spec: ModelSpec | Narrowed) -> int:
    module = spec.build()
    return sum(dict(module.named_parameters())[name].numel() for name in prunable_names(module))


def test_what_is_left_of_lenet_is_the_papers_ladder():
    left = [Narrowed(of=LeNet300100(), cuts=(LENET,) * rounds, scope="layerwise").left() for rounds in (3, 9, 15)]
    assert left == [136_511, 35_981, 9_537]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: type(spec).__name__)
@pytest.mark.parametrize("sparsity", [0.3, 0.9, 0.98])
def test_no_other_width_has_a_count_that_is_nearer(spec: ModelSpec, sparsity: float):
    narrow = Narrowed(of=spec, cuts=(sparsity,))
    wanted, found = weights(spec) * (1 - sparsity), weights(narrow)
    assert narrow.left() == pytest.approx(wanted, abs=0.51)
    if hasattr(spec, "width"):
        for step in range(50, 10_000, 50):
            other = weights(replace(spec, width=spec.width * step / 10_000)) if step % 500 == 0 else None  # type: ignore[attr-defined, call-arg]
            assert other is None or abs(other - wanted) >= abs(found - wanted)
    logits = narrow.build()(torch.zeros(2, *spec.shape))
    assert logits.shape == (2, spec.classes)
    assert list(narrow.initial(0, "init", "named")) == list(spec.initial(0, "init", "named"))


def test_a_model_without_a_width_is_refused():
    with pytest.raises(UsageError, match="has no width"):
        Narrowed(of=CustomModel(source="a:b", code="", shape=(1, 8, 8)), cuts=(0.5,))
