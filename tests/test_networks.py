"""Which tensors of a checkpoint are the network is decided by names and shapes, and is said aloud."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import lotterylab as ll
from lotterylab.errors import UsageError
from lotterylab.formats.checkpoints import checkpoint_in, read_checkpoint, state_in
from lotterylab.formats.names import aligned, common_prefix, unwrapped

torch.manual_seed(0)
NETWORK = nn.Sequential(nn.Linear(20, 50), nn.BatchNorm1d(50), nn.ReLU(), nn.Linear(50, 10))
STATE = NETWORK.state_dict()
OTHER = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3)).state_dict()
MASK = {name: STATE[name] > 0 for name in ("0.weight", "3.weight")}
RNG = torch.get_rng_state()
OPTIMIZER = torch.optim.Adam(NETWORK.parameters())
NETWORK(torch.randn(4, 20)).sum().backward()
OPTIMIZER.step()
MOMENTS = OPTIMIZER.state_dict()
BY_NAME = {  # as FSDP saves an optimizer
    "state": {
        name: {"exp_avg": torch.randn_like(p), "step": torch.tensor(1.0)} for name, p in STATE.items() if p.dim()
    },
    "param_groups": [{"lr": 0.1}],
}
EXTRA = {**STATE, "0._extra_state": {"calls": 3}, "3._extra_state": torch.zeros(9, dtype=torch.uint8)}
FLAX = {
    "Dense_0": {"kernel": torch.randn(3, 4), "bias": torch.zeros(4)},
    "Block": {"Conv": {"kernel": torch.ones(2, 2)}},
}

FOUND = {  # checkpoint -> (what stands before its names, what is ignored)
    "a state": (STATE, "", ()),
    "module, optimizer, mask": ({"module": STATE, "optimizer": MOMENTS, "mask": MASK}, "module.", ("optimizer",)),
    "Lightning": (
        {"pytorch-lightning_version": "2", "state_dict": {f"net.{n}": t for n, t in STATE.items()}, "loops": {},
         "optimizer_states": [MOMENTS], "callbacks": {"Best": {"best_model_score": torch.tensor(0.9)}}},
        "state_dict.net.", ("optimizer_states", "callbacks"),
    ),
    "an accuracy that is a tensor": ({"net": STATE, "acc": torch.tensor(91.2), "epoch": 3}, "net.", ("acc",)),
    "a curve that is a matrix": ({"curves": torch.rand(9, 9), "net": STATE}, "net.", ("curves",)),
    "an average beside it": ({"weights": STATE, "ema": STATE, "rng": RNG}, "weights.", ("ema", "rng")),
    "an average inside": (
        {f"{part}.{name}": t for part in ("model", "model_ema") for name, t in STATE.items()}, "model.", ("model_ema",)
    ),
    "deep": ({"state": {"model": STATE}, "rng": RNG}, "state.model.", ("rng",)),
    "a usual key beside an unusual one": ({"model": STATE, "criterion": OTHER}, "model.", ("criterion",)),
    "an initial state beside it": ({"model": STATE, "initial": OTHER}, "model.", ("initial",)),
    "only the best": ({"best": {"model": STATE, "optimizer": MOMENTS}}, "best.model.", ("best.optimizer",)),
    "an optimizer by name": ({"optim": BY_NAME, "net": STATE}, "net.", ("optim",)),
    "an optimizer under another key": ({"adam": BY_NAME, "net": STATE}, "net.", ("adam",)),
    "an optimizer in the state": ({**STATE, "opt": MOMENTS}, "", ("opt",)),
    "extra states": (EXTRA, "", ("0._extra_state", "3._extra_state")),
    "wrapped by DDP and compiled": ({f"module._orig_mod.{n}": t for n, t in STATE.items()}, "module._orig_mod.", ()),
    "averaged": ({"n_averaged": torch.tensor(3), **{f"module.{n}": t for n, t in STATE.items()}}, "", ()),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_the_network_is_found_in_memory_and_on_disk(tmp_path, name):
    value, below, ignored = FOUND[name]
    torch.save(value, tmp_path / "x.pt")
    for found in (checkpoint_in(value, where="end"), read_checkpoint(tmp_path / "x.pt")):
        tensors = {name.removeprefix("module.").removeprefix("model."): t for name, t in found.tensors.items()}
        tensors.pop("n_averaged", None)
        assert tensors.keys() == STATE.keys()
        assert all(torch.equal(tensors[name], tensor) for name, tensor in STATE.items())
        assert set(found.ignored) == set(ignored)
        if name not in ("averaged", "an average inside"):
            assert found.below == below
        if below and found.below:
            assert f"below '{below}'" in found.said
        if ignored:
            assert "ignored: " in found.said


def test_a_mask_beside_the_network_is_its_mask():
    found = checkpoint_in({"module": STATE, "optimizer": MOMENTS, "mask": MASK}, where="end")
    assert found.mask is not None and found.mask.keys() == MASK.keys()
    assert found.said == "8 tensors below 'module.', with masks of 2; ignored: optimizer".replace("8", str(len(STATE)))


def test_layers_below_each_other_are_one_network():
    found = checkpoint_in({"params": FLAX, "step": torch.tensor(3)}, where="x")
    assert list(found.tensors) == ["Dense_0.kernel", "Dense_0.bias", "Block.Conv.kernel"] and found.below == "params."
    layers = {"first": {"weight": torch.ones(2, 2)}, "last": {"weight": torch.zeros(2, 2)}}
    assert list(checkpoint_in(layers, where="x").tensors) == ["first.weight", "last.weight"]


REFUSED = {
    "two networks": ({"netG": STATE, "netD": OTHER}, r"2 networks: 'netG' \(\d+ tensors\), 'netD' \(4 tensors\)"),
    "copies alone": ({"best": STATE, "last": STATE}, "2 networks: 'best'"),
    "random states alone": ({"rng": RNG, "acc": torch.tensor(0.9)}, r"holds no network; it has rng \(a tensor\), acc"),
    "an optimizer alone": (MOMENTS, "holds no network"),
    "an optimizer by name alone": (BY_NAME, "holds no network"),
    "scalars": ({"w": torch.tensor(3.0)}, "holds no network"),
    "numbers": ({"epoch": 3}, "holds no network; it has epoch"),
    "a row of FSDP": ({"a._flat_param": torch.ones(9), "b.weight": torch.ones(3, 3)}, "row of all parameters"),
    "an adapter": (
        {f"base_model.model.q.lora_{side}.default.weight": torch.ones(4, 4) for side in "AB"}, "merge_and_unload"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_network_or_several_is_refused_with_what_was_found(tmp_path, name):
    value, words = REFUSED[name]
    torch.save(value, tmp_path / "x.pt")
    for read in (lambda: checkpoint_in(value, where="x.pt"), lambda: read_checkpoint(tmp_path / "x.pt")):
        with pytest.raises(UsageError, match=words) as error:
            read()
        assert "x.pt" in str(error.value)


def test_a_caller_may_name_the_network(tmp_path):
    torch.save({"netG": STATE, "nets": {"netD": OTHER}}, tmp_path / "x.pt")
    assert read_checkpoint(tmp_path / "x.pt", within="netG").tensors.keys() == STATE.keys()
    found = read_checkpoint(tmp_path / "x.pt", within="nets.netD")
    assert found.tensors.keys() == OTHER.keys() and found.said.startswith("4 tensors below 'nets.netD.'; ignored: netG")
    with pytest.raises(UsageError, match=r"has no 'netg'\. Did you mean 'netG'"):
        read_checkpoint(tmp_path / "x.pt", within="netg")


def test_a_dict_in_itself_and_thousands_of_dicts_end(tmp_path):
    loop: dict = {}
    loop["again"] = loop
    with pytest.raises(UsageError, match="holds no network"):
        checkpoint_in(loop, where="x")
    wide: dict = {}
    for _ in range(12):
        wide = {str(i): wide for i in range(9)}  # 9^12 paths to one dict
    with pytest.raises(UsageError, match="holds no network"):
        checkpoint_in(wide, where="x")


NAMES = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3).map(".".join)
PREFIX = st.lists(st.sampled_from(["module", "_orig_mod", "_fsdp_wrapped_module", "nncf_module"]), max_size=3)


@settings(deadline=None)
@given(names=st.sets(NAMES, min_size=1, max_size=8), wrappers=PREFIX)
def test_wrappers_leave_no_trace_in_the_names(names, wrappers):
    before = "".join(f"{word}." for word in wrappers)
    wrapped = [f"{before}{name}.weight" for name in sorted(names)]
    prefix, short = unwrapped(wrapped)
    assert prefix == before and [short[name] for name in wrapped] == [f"{name}.weight" for name in sorted(names)]


def test_a_wrapper_inside_a_name_is_left_out():
    assert unwrapped(["a._orig_mod.weight", "b.weight"])[1] == {
        "a._orig_mod.weight": "a.weight",
        "b.weight": "b.weight",
    }
    same = ["a._orig_mod.weight", "a.weight"]  # would become one name
    assert list(unwrapped(same)[1].values()) == same


@settings(deadline=None)
@given(
    names=st.sets(NAMES, min_size=2, max_size=8), before=st.sampled_from(["model.", "net.body."]), more=st.booleans()
)
def test_names_that_differ_in_a_prefix_are_aligned(names, before, more):
    short, long = [f"{name}.weight" for name in sorted(names)], [f"{before}{name}.weight" for name in sorted(names)]
    given_, like = (short, long) if more else (long, short)
    renamed = aligned(given_, dict.fromkeys(like))
    if not set(given_) & set(like):
        assert list(renamed.values()) in (like, given_)  # two ways that fit equally well change nothing
        assert list(renamed.values()) == like or len({name.partition(".")[0] for name in names}) < len(names)


def test_names_of_one_layer_do_not_fit_any_of_several():
    assert aligned(["weight"], {"a.weight": 0, "b.weight": 0}) == {"weight": "weight"}
    assert common_prefix(["a", "a.b"]) == ""


MOVEMENT = {
    "a copy": lambda state: dict(state),
    "below a key": lambda state: {"state_dict": state, "epoch": 3},
    "wrapped": lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
    "wrapped inside": lambda state: {f"_orig_mod.{name}": tensor for name, tensor in state.items()},
    "with extra states": lambda state: {**state, "0._extra_state": {"calls": 3}},
    "sparse": lambda state: {name: t.to_sparse() if t.dim() > 1 else t for name, t in state.items()},
}


@pytest.mark.parametrize("form", MOVEMENT)
def test_criteria_that_compare_read_an_initial_state_by_the_same_rules(form):
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter))
    expected = {name: (module.state_dict()[name] - before[name]).abs() for name in ("0.weight", "2.weight")}
    scores = ll.score(module, ll.criteria.Movement(), initial=MOVEMENT[form](before))
    assert all(torch.equal(scores[name], expected[name]) for name in expected)


def test_an_initial_state_that_is_not_one_is_refused_by_name():
    module = nn.Linear(3, 3)
    for initial, words in (([1], "initial is a list"), ({"epoch": 3}, "initial holds no network"), ({}, "empty dict")):
        with pytest.raises(UsageError, match=words):
            ll.score(module, ll.criteria.Movement(), initial=initial)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="is the module's own tensor"):
        ll.score(module, ll.criteria.Movement(), initial={"state_dict": module.state_dict()})  # type: ignore[dict-item]


def test_a_state_keeps_its_tensors_and_takes_the_names_of_the_module():
    inner = {"module.a._orig_mod.weight": torch.ones(2, 2), "module.b.weight": torch.ones(3, 3)}
    state = state_in(inner, {"a.weight": 0, "b.weight": 0}, where="initial")
    assert state["a.weight"] is inner["module.a._orig_mod.weight"] and state.keys() == {"a.weight", "b.weight"}
