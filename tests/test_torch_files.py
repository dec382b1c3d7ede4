"""Our reader of ``torch.save``'s files gives what ``torch.load`` gives."""

from __future__ import annotations

import collections
import warnings

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from lotterylab.errors import UsageError
from lotterylab.formats import foreign
from lotterylab.formats.checkpoints import read_tensors

SHARED = torch.randn(5, 6)
NETWORK = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def with_attribute() -> nn.Parameter:
    parameter = nn.Parameter(torch.randn(3))
    parameter.note = "x"  # type: ignore[attr-defined]
    return parameter


STATES = {
    "a module's": NETWORK.state_dict(),
    "parameters": dict(NETWORK.named_parameters()),
    "a parameter with attributes": {"w": with_attribute()},
    "views of one storage": {"a": SHARED, "b": SHARED, "c": SHARED.t(), "d": SHARED[1:3], "e": SHARED[0].expand(4, 6)},
    "empty and of no dimension": {"a": torch.zeros(0, 3), "b": torch.tensor(3.0)},
    "strided": {
        "a": torch.empty_strided((3, 4), (1, 5)).fill_(2),
        "b": torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last),
    },
    "beside much else": {
        **NETWORK.state_dict(),
        "optimizer": torch.optim.Adam(NETWORK.parameters()).state_dict(),
        "rest": [
            3,
            2**100,
            1j,
            b"ab",
            {1, 2},
            torch.Size([1]),
            torch.device("cpu"),
            torch.float32,
            collections.Counter("aab"),
        ],
    },
}


def same(path) -> bool:
    expected = {name: value for name, value in torch.load(path, weights_only=True).items() if torch.is_tensor(value)}
    read = read_tensors(path)
    equal = (
        read[name].dtype == tensor.dtype and read[name].shape == tensor.shape and torch.equal(read[name], tensor)
        for name, tensor in expected.items()
    )
    return list(read) == list(expected) and all(equal)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", STATES)
def test_states_are_read_as_torch_reads_them(tmp_path, name, zipped):
    torch.save(STATES[name], tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    assert same(tmp_path / "x.pt")


@pytest.mark.parametrize("kind", sorted(foreign.READABLE))
def test_every_readable_type_is_read_bit_by_bit(tmp_path, kind):
    torch.save({"w": torch.tensor([0, 1, 1, 0]).to(getattr(torch, kind))}, tmp_path / "x.pt")
    assert same(tmp_path / "x.pt")


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.lists(st.integers(0, 4), min_size=1, max_size=5),
    order=st.randoms(use_true_random=False),
    start=st.integers(0, 3),
    zipped=st.booleans(),
)
def test_any_view_is_read_as_torch_reads_it(tmp_path, shape, order, start, zipped):
    dimensions = list(range(len(shape)))
    order.shuffle(dimensions)
    whole = torch.randn([size + start for size in shape])
    view = whole.permute(dimensions)
    for dimension in range(view.dim()):
        view = view.narrow(dimension, start, view.shape[dimension] - start)
    torch.save({"w": view, "whole": whole}, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    assert same(tmp_path / "x.pt")


@pytest.mark.parametrize("zipped", [True, False])
def test_any_flipped_byte_of_a_small_file_gives_tensors_or_a_usage_error(tmp_path, zipped):
    path = tmp_path / "x.pt"
    torch.save({"w": torch.ones(2, 2), "b": torch.zeros(3)}, path, _use_new_zipfile_serialization=zipped)
    data = path.read_bytes()
    for place in range(0, len(data), 1 if len(data) < 1000 else 3):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :])
        try:
            read = read_tensors(path)
        except UsageError as error:
            assert "x.pt" in str(error)
        else:
            assert sum(tensor.numel() for tensor in read.values()) < 1000


def test_a_shared_weight_of_a_large_file_is_read_under_each_of_its_names(tmp_path):
    large = torch.ones(1 << 20)
    torch.save({f"{number}": large for number in range(3)}, tmp_path / "x.pt")
    assert len(read_tensors(tmp_path / "x.pt")) == 3


def test_a_quantized_tensor_beside_the_weights_is_passed_over_or_refused(tmp_path):
    with warnings.catch_warnings(action="ignore"):
        quantized = torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint32)
        torch.save({"state_dict": {"w": torch.ones(3)}, "q": [quantized]}, tmp_path / "x.pt")
        torch.save({"w": torch.ones(3), "q": [quantized]}, tmp_path / "y.pt", _use_new_zipfile_serialization=False)
    assert read_tensors(tmp_path / "x.pt").keys() == {"w"}
    with pytest.raises(UsageError, match="quantized storage"):
        read_tensors(tmp_path / "y.pt")
