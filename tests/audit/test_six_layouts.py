"""One network gives the same verdict in the layouts of six libraries, alone and as the end of a training."""

from __future__ import annotations

import json

import pytest
import torch

from lotterylab import masks
from lotterylab.auditing import audit_folder, audit_pair
from lotterylab.commands.main import main
from some_layouts import LAYOUTS, Pruned, hugging_face

PRUNED = Pruned.made(0.8)
REMOVED, ENTRIES = masks.entries(PRUNED.mask) - masks.kept(PRUNED.mask), masks.entries(PRUNED.mask)


def verdict(report) -> tuple:
    """What a reader takes from a report, without whether the mask was given."""
    alarms = [(alarm.code, alarm.severity, alarm.message) for alarm in report.alarms if alarm.code != "mask-inferred"]
    facts = {name: report.facts[name] for name in ("entries", "removed", "reached", "mask_digest", "layers", "shape")}
    return alarms, facts


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("requested", [0.8, 0.9])
def test_a_layout_gives_the_verdict_of_the_state_itself(tmp_path, name, requested):
    LAYOUTS[name](PRUNED, tmp_path)
    (report,) = audit_folder(tmp_path, requested=requested)
    assert (report.facts["removed"], report.facts["entries"]) == (REMOVED, ENTRIES)
    assert report.facts["mask_digest"] == masks.digest(PRUNED.mask)
    found = [alarm.code for alarm in report.alarms if alarm.severity == "fault"]
    assert found == ([] if requested == 0.8 else ["reached-is-not-requested"])


@pytest.mark.parametrize("requested", [0.8, 0.9])
def test_all_layouts_have_one_verdict(tmp_path, requested):
    verdicts = {}
    for number, (name, save) in enumerate(LAYOUTS.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        save(PRUNED, folder)
        (report,) = audit_folder(folder, requested=requested)
        verdicts[name] = verdict(report)
    assert all(found == verdicts["plain PyTorch"] for found in verdicts.values())


@pytest.mark.parametrize("name", LAYOUTS)
def test_beside_the_dense_network_each_layout_names_the_rule(tmp_path, name):
    dense, end = tmp_path / "dense", tmp_path / "end"
    dense.mkdir()
    end.mkdir()
    hugging_face(Pruned(dense=PRUNED.dense, state=PRUNED.dense, mask=PRUNED.mask), dense)
    LAYOUTS[name](PRUNED, end)
    (report,) = audit_pair(dense, end, requested=0.8)
    assert [alarm.code for alarm in report.alarms if alarm.severity == "fault"] == []
    assert report.facts["rule"].startswith("magnitude of 'dense', over all layers, counted as lotterylab, ")
    assert report.facts["update"].startswith(f"100 % of {ENTRIES - REMOVED:,} kept weights are equal in dense and end")


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_training_that_lost_the_mask_is_found_out_of_each_layout(tmp_path, name, capsys):
    start, end = tmp_path / "start", tmp_path / "end"
    start.mkdir()
    end.mkdir()
    LAYOUTS[name](PRUNED, start)
    moved = {n: t + 0.1 if t.is_floating_point() else t for n, t in PRUNED.state.items()}
    torch.save({"state_dict": moved}, end / "last.ckpt")
    assert main(["audit", str(start), str(end), "--json"]) == 3
    told = json.loads(capsys.readouterr().out)
    (report,) = told["reports"]
    assert "moved" in [alarm["code"] for alarm in report["alarms"]]
    assert f"{REMOVED:,} of {REMOVED:,} removed weights" in report["alarms"][0]["message"]
