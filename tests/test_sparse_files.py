"""Sparse tensors are read as the dense tensors that they stand for, or refused by name, within the file's bounds."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch._utils import _rebuild_sparse_tensor

import lotterylab as ll
from lotterylab.errors import UsageError
from lotterylab.formats.checkpoints import read_tensors
from lotterylab.formats.foreign import admitted
from lotterylab.formats.sparse import COMPRESSED
from some_hostile_checkpoints import Call, Row, archive, pickled, tensor

pytestmark = pytest.mark.filterwarnings("ignore:Sparse .* tensor support is in beta")

LAYOUTS = {
    "COO": lambda dense: dense.to_sparse(),
    "CSR": lambda dense: dense.to_sparse_csr(),
    "CSC": lambda dense: dense.to_sparse_csc(),
    "BSR": lambda dense: dense.to_sparse_bsr((2, 2)),
    "BSC": lambda dense: dense.to_sparse_bsc((2, 2)),
    "COO, the last dimension dense": lambda dense: dense.to_sparse(1),
    "COO, added up": lambda dense: (2 * dense).to_sparse() + (-dense).to_sparse(),
}


def some(shape: tuple[int, ...], seed: int, share: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    dense = torch.randn(shape, generator=generator)
    return dense * (torch.rand(shape, generator=generator) < share)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(0, 3),
    columns=st.integers(0, 3),
    seed=st.integers(0, 99),
    share=st.sampled_from([0.0, 0.3, 1.0]),
    layout=st.sampled_from(sorted(LAYOUTS)),
    kind=st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.int64]),
    zipped=st.booleans(),
)
def test_every_layout_is_read_as_its_dense_tensor(tmp_path, rows, columns, seed, share, layout, kind, zipped):
    dense = (10 * some((2 * rows, 2 * columns), seed, share)).to(kind)
    sparse = LAYOUTS[layout](dense)
    torch.save({"w": sparse, "b": torch.ones(3)}, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    for read in (read_tensors(tmp_path / "x.pt"), admitted({"w": sparse}, where="x")):
        assert read["w"].layout == torch.strided and read["w"].dtype == kind
        assert torch.equal(read["w"], dense)


def test_a_sparse_mask_is_a_mask(tmp_path):
    mask = {"w": torch.tensor([[True, False], [False, False]])}
    for to in (lambda kept: kept.to_sparse(), lambda kept: kept.float().to_sparse_csr()):
        torch.save({name: to(kept) for name, kept in mask.items()}, tmp_path / "mask.pt")
        assert torch.equal(ll.load_mask(tmp_path / "mask.pt")["w"], mask["w"])


def test_states_in_memory_may_be_sparse():
    end = {"w": torch.tensor([[0.0, 1.0], [0.0, 2.0]])}
    for to in LAYOUTS.values():
        sparse = {"w": to(end["w"])}
        assert ll.audit(end=sparse, requested=0.5) == ll.audit(end=end, requested=0.5)


def coo(indices: Call, values: Call, size: object) -> Call:
    return Call(_rebuild_sparse_tensor, torch.sparse_coo, (indices, values, size, True))


WHOLE = tensor((1, 2), (2, 1), 0, Row("0", 2, torch.LongStorage))
DAMAGED = {
    "indices outside": (coo(WHOLE, tensor((2,), (1,), 0, Row("1", 2)), torch.Size([3])), "damaged sparse_coo"),
    "a negative index": (
        coo(tensor((1, 1), (1, 1), 2, Row("0", 3, torch.LongStorage)), tensor((1,), (1,), 0, Row("1", 2)), (9,)),
        "damaged sparse_coo",
    ),
    "values that do not fit": (coo(WHOLE, tensor((1,), (1,), 0, Row("1", 2)), torch.Size([9])), "damaged sparse_coo"),
    "4 TB": (coo(WHOLE, tensor((2,), (1,), 0, Row("1", 2)), torch.Size([1 << 20, 1 << 20])), "densify it: tensor"),
    "indices that repeat": (
        coo(
            tensor((1, 1 << 40), (0, 0), 0, Row("0", 2, torch.LongStorage)),
            tensor((1 << 40,), (0,), 0, Row("1", 2)),
            torch.Size([9]),
        ),
        "densify it: tensor",
    ),
    "a size that is a fraction": (coo(WHOLE, tensor((2,), (1,), 0, Row("1", 2)), (9.5,)), "whole numbers"),
    "indices beyond the storage": (
        coo(tensor((1, 99), (99, 1), 0, Row("0", 99, torch.LongStorage)), tensor((2,), (1,), 0, Row("1", 2)), (9,)),
        "reaches beyond",
    ),
    "no parts": (Call(_rebuild_sparse_tensor, torch.sparse_coo, (1, 2, (3,))), "without its parts"),
    "one part": (Call(_rebuild_sparse_tensor, torch.sparse_coo, (WHOLE,)), "densify it"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_sparse_tensor_is_refused_by_name(tmp_path, what):
    made, words = DAMAGED[what]
    numbers = {"0": torch.tensor([2, 7, -1]).numpy().tobytes(), "1": torch.ones(2).numpy().tobytes()}
    path = archive(tmp_path / "x.pt", pickled({"w": made, "b": tensor((2,), (1,), 0, Row("1", 2))}), numbers)
    with pytest.raises(UsageError, match=words) as error:
        read_tensors(path)
    assert "x.pt" in str(error.value)


def test_a_very_sparse_file_that_unpacks_far_beyond_its_size_says_how_to_save_it(tmp_path):
    torch.save({"w": torch.eye(2, 1 << 14).repeat(1 << 11, 1).to_sparse()}, tmp_path / "x.pt")
    with pytest.raises(UsageError, match=r"'w' is sparse; densify it: tensor\.to_dense\(\)"):
        read_tensors(tmp_path / "x.pt")


def test_the_layouts_are_all_that_torch_has():
    assert {str(getattr(torch, name)) for name in COMPRESSED} == {f"torch.{name}" for name in COMPRESSED}
