"""Tensors on disk: whole or not at all, and never code."""

import os
import pickle
import stat

import pytest
import torch

from lotterylab.errors import UsageError
from lotterylab.formats.blobs import serialize, write_atomically, write_tensors
from lotterylab.formats.checkpoints import read_tensors

TENSORS = {"b": torch.arange(6.0).view(2, 3), "a": torch.tensor([True, False])}


def test_the_same_tensors_give_the_same_bytes():
    turned = {"a": TENSORS["a"], "b": TENSORS["b"].t().contiguous().t()}
    assert serialize(TENSORS) == serialize(turned)


def test_what_is_written_is_read_back_and_nothing_else_is_left(tmp_path):
    write_tensors(tmp_path / "x.safetensors", TENSORS)
    back = read_tensors(tmp_path / "x.safetensors")
    assert all(torch.equal(back[name], tensor) for name, tensor in TENSORS.items())
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def test_files_have_the_permissions_that_the_user_gives(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "x", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    write_atomically(tmp_path / "x", b"old")
    with monkeypatch.context() as patch, pytest.raises(OSError, match="full"):
        patch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError("full")))
        write_atomically(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("sync", "waits"), [("all", 2), ("file", 1), ("none", 0)])
def test_a_write_waits_for_the_disk_as_often_as_it_was_asked_to(sync, waits, tmp_path, monkeypatch):
    seen, fsync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append(fsync(descriptor)))
    write_atomically(tmp_path / "x", b"x", sync=sync)
    assert len(seen) == waits and (tmp_path / "x").read_bytes() == b"x"


class _Evil:
    def __reduce__(self):
        return (os.mkdir, ("evil",))


DAMAGED = {
    "text": b"not a checkpoint",
    "empty": b"",
    "protocol 4": pickle.dumps({"a": 1}, protocol=4),
    "opcodes": b"\x80\x02}q\x00(X\x01\x00\x00\x00a" + bytes(20),
    "code": pickle.dumps(_Evil()),
    "truncated zip": b"PK\x03\x04" + bytes(30),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_what_holds_no_weights_is_refused_and_runs_nothing(tmp_path, monkeypatch, data, suffix):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"x{suffix}"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=path.name):
        read_tensors(path)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("wrap", [lambda t: t, lambda t: {"state_dict": t, "epoch": 3}, lambda t: {"model": t}])
def test_usual_ways_to_wrap_a_state_dict_are_unwrapped(tmp_path, wrap):
    torch.save(wrap(TENSORS), tmp_path / "x.pt")
    assert read_tensors(tmp_path / "x.pt").keys() == TENSORS.keys()
