"""Networks in several files: an index of Hugging Face, or files that count themselves; nothing outside is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lotterylab.auditing import audit_folder
from lotterylab.errors import UsageError
from lotterylab.formats.shards import read_network
from some_layouts import Pruned

PRUNED = Pruned.made(0.7)
NAMES = list(PRUNED.state)
HALVES = (NAMES[: len(NAMES) // 2], NAMES[len(NAMES) // 2 :])


def sharded(folder: Path, suffix: str = "safetensors", *, index: bool = True) -> Path:
    """The network in two files, with an index or without; the path of what to read."""
    stem = "model" if suffix == "safetensors" else "pytorch_model"
    places = {}
    for number, names in enumerate(HALVES, start=1):
        part = {name: PRUNED.state[name] for name in names}
        path = folder / f"{stem}-{number:05}-of-00002.{suffix}"
        save_file(part, path) if suffix == "safetensors" else torch.save(part, path)
        places |= dict.fromkeys(names, path.name)
    if not index:
        return folder / f"{stem}-00001-of-00002.{suffix}"
    path = folder / f"{stem}.{suffix}.index.json"
    path.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    (folder / "config.json").write_text("{}")
    return path


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
@pytest.mark.parametrize("index", [True, False])
def test_shards_are_one_network(tmp_path, suffix, index):
    read = read_network(sharded(tmp_path, suffix, index=index))
    assert read.tensors.keys() == PRUNED.state.keys()
    assert all(torch.equal(read.tensors[name], tensor) for name, tensor in PRUNED.state.items())
    (report,) = audit_folder(tmp_path, requested=0.7)
    assert [alarm.code for alarm in report.alarms] == ["mask-inferred"]
    assert report.facts["judged"]["end"].endswith(f": {len(NAMES)} tensors")


def test_a_file_of_its_own_goes_before_the_shards_and_safetensors_before_bin(tmp_path):
    sharded(tmp_path, "bin")
    sharded(tmp_path)
    assert audit_folder(tmp_path, requested=0.7)[0].facts["judged"]["end"].startswith("model.safetensors.index.json")
    save_file(PRUNED.state, tmp_path / "model.safetensors")
    (report,) = audit_folder(tmp_path, requested=0.7)
    assert report.facts["judged"]["end"].startswith("model.safetensors:")
    assert "pytorch_model.bin.index.json" in report.facts["unread"]


def test_a_missing_shard_and_one_of_another_version_are_named(tmp_path):
    index = sharded(tmp_path)
    part = {name: PRUNED.state[name] for name in HALVES[1][1:]}
    save_file(part, tmp_path / "model-00002-of-00002.safetensors")
    with pytest.raises(UsageError, match=rf"puts '{HALVES[1][0]}' into model-00002-of-00002\.safetensors, which does"):
        read_network(index)
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    for path in (index, tmp_path / "model-00001-of-00002.safetensors"):
        with pytest.raises(UsageError, match=r"no file .*model-00002-of-00002"):
            read_network(path)


def test_a_tensor_in_two_shards_is_refused(tmp_path):
    path = sharded(tmp_path, index=False)
    save_file({HALVES[0][0]: PRUNED.state[HALVES[0][0]].clone()}, tmp_path / "model-00002-of-00002.safetensors")
    with pytest.raises(UsageError, match=f"'{HALVES[0][0]}' is in model-00001"):
        read_network(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"weight_map": {"a": "../secret.safetensors"}}', "only files beside the index are read"),
        ('{"weight_map": {"a": "/etc/passwd"}}', "only files beside the index are read"),
        ('{"weight_map": {"a": "sub/x.safetensors"}}', "only files beside the index are read"),
        ('{"weight_map": {"a": ".hidden.safetensors"}}', "only files beside the index are read"),
        ('{"weight_map": {"a": "x\\u0000.safetensors"}}', "only files beside the index are read"),
        ('{"weight_map": {"a": 3}}', "no 'weight_map' from tensors to files"),
        ('{"weight_map": {}}', "no 'weight_map' from tensors to files"),
        ("[]", "no 'weight_map' from tensors to files"),
        ("[" * 100_000, "is not JSON"),
        ("\\x1b[2J", "is not JSON"),
    ],
)
def test_an_index_that_is_none_or_leads_elsewhere_is_refused(tmp_path, content, words):
    (tmp_path / "model.safetensors.index.json").write_text(content)
    with pytest.raises(UsageError, match=words) as error:
        audit_folder(tmp_path)
    assert "\x1b" not in str(error.value)


def test_an_index_with_more_files_than_any_network_is_refused(tmp_path):
    places = {f"t{number}": f"{number}.safetensors" for number in range(10_001)}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    with pytest.raises(UsageError, match="names 10,001 files; at most 10,000"):
        audit_folder(tmp_path)
