"""States of pruning libraries are read as weights and masks by their plain names."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.ao.pruning.sparsifier.utils import FakeSparsity
from torch.nn.utils import parametrize, prune

import lotterylab as ll
from lotterylab.auditing import audit_folder
from lotterylab.errors import UsageError
from lotterylab.formats.layouts import folded
from lotterylab.types import Mask
from some_layouts import LAYOUTS, Pruned

WEIGHT = torch.arange(1.0, 13.0).view(3, 4)
KEPT = torch.tensor([[1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 1, 1]]).bool()
OF_FILTERS = torch.tensor([1.0, 0.0, 1.0])
BIAS = torch.ones(3)
LOGITS = torch.where(KEPT, 4.6, -4.6)

FORMS = {
    "torch.nn.utils.prune": {"fc.weight_orig": WEIGHT, "fc.weight_mask": KEPT.float(), "fc.bias": BIAS},
    "torch.ao": {
        "fc.parametrizations.weight.original": WEIGHT, "fc.parametrizations.weight.0.mask": KEPT, "fc.bias": BIAS,
    },
    "NNCF 3": {"fc.weight": WEIGHT, "fc.bias": BIAS, "__nncf_hooks.post_hooks.fc:weight__0.0.binary_mask": KEPT},
    "NNCF 3, learned": {"fc.weight": WEIGHT, "fc.bias": BIAS, "__nncf_hooks.post_hooks.fc:weight__0.0.mask": LOGITS},
    "NNCF 3, quantized too": {
        "fc.weight": WEIGHT, "fc.bias": BIAS, "__nncf_hooks.post_hooks.fc:weight__0.0.binary_mask": KEPT,
        "__nncf_hooks.pre_hooks.linear__0.0._scale_param_storage": torch.ones(1, 1),
    },
    "NNCF 2": {"fc.weight": WEIGHT, "fc.bias": BIAS, "fc.pre_ops.0.op._binary_mask": KEPT.float()},
    "NNCF 2, movement": {
        "fc.weight": WEIGHT, "fc.bias": BIAS, "fc.pre_ops.0.op.weight_ctx._binary_mask": KEPT.float(),
        "fc.pre_ops.0.op.weight_importance": torch.rand(3, 4),
    },
    "NNI 3": {
        "fc.weight": WEIGHT * KEPT, "fc.bias": BIAS, "fc._nni_wrapper.weight": WEIGHT,
        "fc._nni_wrapper.weight_mask": KEPT.float(), "fc._nni_wrapper.bias_mask": torch.ones(3),
    },
    "NNI 2": {
        "fc.weight": WEIGHT, "fc.module.weight": WEIGHT * KEPT, "fc.weight_mask": KEPT.float(), "fc.bias": BIAS,
        "fc.bias_mask": torch.ones(3), "fc.module.bias": BIAS,
    },
    "NNI 1": {"fc.module.weight": WEIGHT, "fc.weight_mask": KEPT.float(), "fc.module.bias": BIAS,
              "fc.bias_mask": torch.ones(3)},
    "a masked layer": {"fc.weight": WEIGHT, "fc.mask": KEPT.float(), "fc.bias": BIAS},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_masked_weight_and_its_mask(form):
    found = folded(FORMS[form])
    assert found.mask is not None and found.mask.keys() == {"fc.weight"}
    assert torch.equal(found.mask["fc.weight"], KEPT)
    assert found.state.keys() == {"fc.weight", "fc.bias"}
    assert torch.equal(found.state["fc.weight"], WEIGHT * KEPT) and torch.equal(found.state["fc.bias"], BIAS)


def test_a_mask_of_filters_stands_for_their_weights():
    found = folded({"conv.weight": torch.ones(3, 2, 2, 2), "conv.pre_ops.0.op._binary_filter_pruning_mask": OF_FILTERS})
    assert found.mask is not None and found.mask["conv.weight"].flatten(1).sum(1).tolist() == [8, 0, 8]
    assert found.state["conv.weight"].flatten(1).sum(1).tolist() == [8, 0, 8]


@pytest.mark.parametrize("form", FORMS)
def test_load_mask_takes_the_mask_out_of_each_state(tmp_path, form):
    torch.save({"state_dict": FORMS[form]}, tmp_path / "x.pt")
    mask = ll.load_mask(tmp_path / "x.pt")
    assert mask.keys() == {"fc.weight"} and torch.equal(mask["fc.weight"], KEPT)


NESTED = {
    "NNI": {"fc": {"weight": KEPT.float(), "bias": torch.ones(3)}, "head.0": {"weight": KEPT, "bias": None}},
    "NNI, with inputs": {"fc": {"weight": KEPT.float(), "_input_input": torch.ones(4), "_output_": None},
                         "head.0": {"weight": KEPT}},
    "torch.ao's sparsifier": {"state": {"fc.weight": {"mask": KEPT.to_sparse()}, "head.0.weight": {"mask": KEPT}},
                              "groups": [{"tensor_fqn": "fc.weight"}], "_container": {}},
    "buffers of torch.nn.utils.prune": {"fc.weight_mask": KEPT, "head.0.weight_mask": KEPT},
    "below a key": {"masks": {"fc.weight": KEPT.float(), "head.0.weight": KEPT.float()}, "sparsity": 0.4},
    "beside the network": {"model": {"fc.weight": WEIGHT, "head.0.weight": WEIGHT},
                           "mask": {"fc.weight": KEPT, "head.0.weight": KEPT}},
}  # fmt: skip


@pytest.mark.parametrize("form", NESTED)
def test_files_of_masks_are_read_by_the_names_of_the_weights(tmp_path, form):
    torch.save(NESTED[form], tmp_path / "mask.pt")
    mask = ll.load_mask(tmp_path / "mask.pt")
    assert mask.keys() == {"fc.weight", "head.0.weight"}
    assert all(kept.dtype == torch.bool and torch.equal(kept, KEPT) for kept in mask.values())


WORDS = st.sampled_from(
    ["module", "ema", "mask", "weight", "weight_mask", "_orig_mod", "lora_A", "w", "teacher", "net"]
)
NAMES = st.lists(WORDS, min_size=1, max_size=3).map(".".join)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(NAMES, min_size=1, max_size=6), shape=st.sampled_from([(), (3,), (2, 2)]), seed=st.integers(0, 9))
def test_a_mask_that_was_saved_comes_back_by_the_same_names(tmp_path, names, shape, seed):
    torch.manual_seed(seed)
    mask = Mask({name: torch.rand(shape) > 0.5 for name in sorted(names)})
    ll.save_mask(mask, tmp_path / "mask.safetensors")
    back = ll.load_mask(tmp_path / "mask.safetensors")
    if not all(name.rpartition(".")[2] == "weight_mask" for name in names):  # buffers of torch.nn.utils.prune
        assert back.keys() == mask.keys()
    assert [kept.tolist() for kept in back.values()] == [kept.tolist() for kept in mask.values()]


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_mask_named_by_layers_fits_any_layout(tmp_path, name):
    pruned = Pruned.made(0.6)
    LAYOUTS[name](pruned, tmp_path)
    (tmp_path / "mask.pth").unlink(missing_ok=True)
    torch.save({name.removesuffix(".weight"): kept for name, kept in pruned.mask.items()}, tmp_path / "mask.pt")
    (report,) = audit_folder(tmp_path, requested=0.6)
    assert report.alarms == () and report.facts["removed"] == sum(int((~kept).sum()) for kept in pruned.mask.values())


@settings(deadline=None, max_examples=25)
@given(amount=st.integers(0, 12), seed=st.integers(0, 99), structured=st.booleans())
def test_torch_s_own_pruning_is_read_as_its_module_computes(amount, seed, structured):
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    for layer in (module[0], module[2]):
        if structured:
            prune.ln_structured(layer, "weight", amount=min(amount, layer.weight.shape[0]), n=2, dim=0)
        else:
            prune.l1_unstructured(layer, "weight", amount=min(amount, layer.weight.numel()))
    found = folded(module.state_dict())
    for name, layer in (("0", module[0]), ("2", module[2])):
        assert torch.equal(found.state[f"{name}.weight"], layer.weight)
        assert found.mask is not None and torch.equal(found.mask[f"{name}.weight"], layer.weight_mask.bool())


def test_a_parametrized_weight_without_its_mask_has_its_plain_name():
    module = nn.Linear(4, 3)
    parametrize.register_parametrization(module, "weight", FakeSparsity(KEPT.float()))
    found = folded(module.state_dict())  # torch.ao leaves the mask out of the state on purpose
    assert found.state.keys() == {"weight", "bias"} and found.mask is None


def test_spectral_norm_is_no_pruning():
    found = folded(torch.nn.utils.spectral_norm(nn.Linear(4, 3)).state_dict())
    assert found.mask is None and "weight_orig" in found.state


ADAPTED = {
    "base_model.model.q.base_layer.weight": WEIGHT * KEPT,
    "base_model.model.q.lora_A.default.weight": torch.ones(2, 4),
    "base_model.model.q.lora_B.default.weight": torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]),
    "base_model.model.head.weight": torch.ones(2, 3),
}


def test_an_adapter_that_is_not_merged_is_left_out_and_merging_it_fills_the_zeros(tmp_path):
    torch.save(ADAPTED, tmp_path / "end.pt")
    (report,) = audit_folder(tmp_path, requested=4 / 18)
    assert report.facts["entries"] == 18 and report.facts["removed"] == 4
    (fault,) = [alarm for alarm in report.alarms if alarm.severity == "fault"]
    # B A is 0 in the second row alone, where three of the four zeros are
    assert fault.code == "merge-refills" and "fills 1 of 4 removed weights (25 %, in q.weight)" in fault.message
    assert "ignored: base_model.model.q.lora_A.default.weight" in report.facts["judged"]["end"]


def test_a_merge_that_filled_the_zeros_is_seen_between_two_checkpoints():
    before, merged = {"q.weight": WEIGHT * KEPT}, {"q.weight": WEIGHT * KEPT + 0.01}
    assert [alarm.code for alarm in ll.audit(start=before, end=merged)] == ["moved", "mask-inferred"]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (
            {"fc.weight_orig": WEIGHT, "fc.weight_mask": 2 * KEPT.float()},
            "'fc.weight_mask' has values other than 0 and 1",
        ),
        ({"fc.weight": WEIGHT, "fc.pre_ops.0.op._binary_mask": torch.ones(2, 2)}, r"shape \(2, 2\), but its weight"),
    ],
)
def test_masks_that_are_none_are_refused_by_name(state, words):
    with pytest.raises(UsageError, match=words):
        folded(state)


def test_a_pickled_module_is_refused_without_torch_s_advice_to_run_it(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "end.pt")
    with pytest.raises(UsageError, match="it holds more than tensors") as error:
        audit_folder(tmp_path)
    assert "\x1b" not in str(error.value)
