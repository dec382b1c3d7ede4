"""Two checkpoints in: what the first is taken for, where the network lies, and the command with its page and codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lotterylab import masks
from lotterylab.auditing import audit_folder, audit_pair
from lotterylab.commands.main import main
from lotterylab.errors import UsageError
from some_arms import later, right_arm
from some_layouts import LAYOUTS, Pruned

ARM = right_arm(0.8)


def saved(folder: Path, **states) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, state in states.items():
        paths.append(folder / f"{name}.pt")
        torch.save(state, paths[-1])
    return paths


def test_a_start_with_zeros_is_the_start_and_one_without_is_the_dense_network(tmp_path):
    dense, start, end = saved(tmp_path, a=ARM["dense"], b=ARM["start"], c=ARM["end"])
    (report,) = audit_pair(start, end, requested=0.8)
    assert report.facts["evidence"][:2] == ("start", "end") and report.where == "b.pt to c.pt"
    assert [alarm.code for alarm in report.alarms] == ["mask-inferred"]
    (report,) = audit_pair(dense, end)
    assert report.facts["evidence"][0] == "dense" and report.facts["reached"] == 0.8
    assert report.facts["rule"] == "magnitude of 'dense', over all layers"


def test_two_dense_checkpoints_have_an_update_and_no_mask(tmp_path):
    a, b = saved(tmp_path, a=ARM["init"], b=later(ARM["init"], 5))
    (report,) = audit_pair(a, b)
    assert report.alarms == () and "reached" not in report.facts
    assert report.facts["update"].startswith("0 % of 900 kept weights are equal in start and end (float32)")


def test_a_training_that_lost_its_mask_is_seen(tmp_path):
    a, b = saved(tmp_path, a=ARM["start"], b=later(ARM["start"], 5))
    (report,) = audit_pair(a, b, requested=0.8)
    assert [alarm.code for alarm in report.alarms] == ["moved", "mask-inferred"]


def test_a_mask_and_run_json_in_the_folder_of_the_end_are_read(tmp_path):
    saved(tmp_path / "before", model=ARM["start"])
    saved(tmp_path / "after", model=ARM["end"], mask=ARM["mask"], optimizer={"state": {}, "param_groups": []})
    (tmp_path / "after" / "run.json").write_text('{"requested": 0.8, "picked": "test"}')
    (report,) = audit_pair(tmp_path / "before", tmp_path / "after")
    assert [alarm.code for alarm in report.alarms] == ["selection-on-test"]
    assert {"mask", "picked", "requested"} <= set(report.facts["evidence"])
    assert report.facts["unread"] == ["optimizer.pt"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_each_layout_may_be_a_start(tmp_path, name):
    pruned = Pruned.made(0.5)
    LAYOUTS[name](pruned, tmp_path)
    (end,) = saved(tmp_path / "x", end=pruned.state)
    (report,) = audit_pair(tmp_path, end, requested=0.5)
    assert [alarm.code for alarm in report.alarms if alarm.severity == "fault"] == []
    assert report.facts["update"].startswith("100 % of ")


def test_paths_without_a_network_or_with_several_are_refused_with_what_to_do(tmp_path):
    (end,) = saved(tmp_path / "one", end=ARM["end"])
    saved(tmp_path / "two", a=ARM["end"], b=ARM["end"])
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "notes.txt").write_text("")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__0_0.distcp").write_bytes(b"")
    for place, words in {
        "two": r"two/a\.pt, .*b\.pt could all be the network\. Name the file itself: lotterylab audit .*a\.pt",
        "none": r"none holds no file of a network\. Found: notes\.txt\. Name the file",
        "parts": "is a part of a distributed checkpoint. Convert it to one file: python -m torch.distributed",
        "nowhere": "there is no file or folder .*nowhere",
    }.items():
        with pytest.raises(UsageError, match=words):
            audit_pair(tmp_path / place, end)
    other = {"fc1.weight": torch.ones(3, 3), "fc2.weight": torch.ones(3, 3)}
    (path,) = saved(tmp_path, other=other)
    with pytest.raises(UsageError, match="states of the same network"):
        audit_pair(path, end)


def test_a_file_alone_is_an_end_state(tmp_path):
    (path,) = saved(tmp_path, anything=ARM["end"], other=ARM["init"])[:1]
    (report,) = audit_folder(path, requested=0.8)
    assert report.where == "anything.pt" and [alarm.code for alarm in report.alarms] == ["mask-inferred"]


def test_a_name_that_ends_in_tar_is_a_file_of_torch_as_many_scripts_call_it(tmp_path):
    torch.save({"state_dict": ARM["end"], "best_acc1": torch.tensor(0.9)}, tmp_path / "checkpoint.pth.tar")
    (report,) = audit_folder(tmp_path, requested=0.8)
    assert [alarm.code for alarm in report.alarms] == ["mask-inferred"]
    torch.save(ARM["mask"], tmp_path / "mask.pth.tar")
    assert audit_folder(tmp_path, requested=0.8)[0].alarms == ()


def test_files_that_are_no_networks_do_not_make_a_folder_ambiguous(tmp_path):
    save_file(ARM["end"], tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin", "scaler.pt"):
        (tmp_path / name).write_bytes(b"not read")
    (report,) = audit_folder(tmp_path, requested=0.8)
    assert [alarm.code for alarm in report.alarms] == ["mask-inferred"]
    assert report.facts["unread"] == ["optimizer.pt", "rng_state.pth", "scaler.pt", "scheduler.pt", "training_args.bin"]
    assert report.lines()[1].startswith(f"NOTE judged {tmp_path.name}: end: model.safetensors: 4 tensors")


# the command


@pytest.fixture
def call(capsys):
    def run(*words) -> tuple[int, str, str]:
        code = main(["audit", *map(str, words)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_what_was_checked_and_what_could_not_be_is_always_told(call, tmp_path):
    for states in ({"end": ARM["end"]}, {"init": ARM["init"], "start": ARM["start"], "end": ARM["end"]}):
        saved(tmp_path, **states)
        code, out, _ = call(tmp_path, "--requested", 0.8)
        notes = dict(re.findall(r"^NOTE (\S+) [^:]*: (.*)$", out, re.MULTILINE))
        assert code == 0 and {"judged", "zeros", "checked", "not-checked"} <= notes.keys()
        assert ("moved" in notes["checked"]) == ("start" in states)
        every = {
            name.strip() for note in ("checked", "not-checked") for name in notes[note].partition(" (")[0].split(",")
        }
        assert {"moved", "one-sign", "rule", "came-back", "never-left-chance", "selection-on-test"} <= every


def test_the_exit_code_says_fault_and_on_request_caution(call, tmp_path):
    (path,) = saved(tmp_path, end=ARM["end"])
    assert call(path)[0] == 0
    assert call(path, "--requested", 0.8)[0] == 0  # a caution: the mask is inferred
    assert call(path, "--requested", 0.8, "--fail-on", "caution")[0] == 3
    assert call(path, "--requested", 0.9)[0] == 3
    assert call(tmp_path / "nowhere")[0] == 2
    code, _, err = call(path, "--fail-on", "cuation")
    assert code == 2 and "caution" in err


def test_json_is_one_document_with_the_verdict(call, tmp_path):
    dense, end = saved(tmp_path, dense=ARM["dense"], end=ARM["end"])
    code, out, _ = call(dense, end, "--requested", 0.9, "--json")
    told = json.loads(out)
    assert code == told["exit_code"] == 3 and told["verdict"] == "fault" and told["faults"] == 1
    (report,) = told["reports"]
    assert report["judged"].keys() == {"dense", "end"} and "moved" in report["unchecked"]
    assert report["facts"]["reached"] == 0.8 and report["facts"]["layers"]["fc1.weight"][1] == 600


def test_several_networks_in_a_file_are_named_and_one_is_chosen(call, tmp_path):
    (path,) = saved(tmp_path, gan={"netG": ARM["end"], "netD": ARM["init"]})
    code, _, err = call(path, "--requested", 0.8)
    assert code == 2 and "--within KEY" in err and "'netG' (4 tensors)" in err
    code, out, _ = call(path, "--requested", 0.8, "--within", "netG")
    assert code == 0 and "4 tensors below 'netG.'; ignored: netD" in out


HOSTILE = "fc<script>alert(1)</script>\x1b[2J.weight"


def test_the_page_loads_nothing_and_escapes_foreign_names(call, tmp_path):
    torch.save({HOSTILE: torch.tensor([[0.0, 1.0], [2.0, 0.0]]), "b.bias": torch.ones(2)}, tmp_path / "x.pt")
    page = tmp_path / "pages" / "audit.html"
    code, out, _ = call(tmp_path / "x.pt", "--requested", 0.9, "--html", page)
    assert code == 3 and "FAULT" in out
    text = page.read_text()
    assert "<script>alert" not in text and "\x1b" not in text and "fc&lt;script&gt;" in text
    assert all(link.startswith("#") for link in re.findall(r'<[^>]* href="([^"]*)"', text))
    assert not re.search(r"<[^>]* src=", text) and "://" not in text
    for part in ("Findings", "What was judged", "Numbers", "Layers", "What was checked", "not checked"):
        assert part in text
    assert "1 fault and 1 caution: reached-is-not-requested, mask-inferred." in text
    again = tmp_path / "again.html"
    call(tmp_path / "x.pt", "--requested", 0.9, "--html", again)
    assert again.read_text() == text.replace(str(page), str(again)), "the same bytes but for its own name"


def test_a_page_that_cannot_be_written_is_refused_with_its_path(call, tmp_path):
    (path,) = saved(tmp_path, end=ARM["end"])
    code, _, err = call(path, "--html", tmp_path)
    assert (
        code == 2
        and err == f"lotterylab: {tmp_path} is a folder. Name a file for the page: --html {tmp_path}/audit.html\n"
    )
    code, _, err = call(path, "--html", path / "page.html")
    assert code in (2, 4) and str(path) in err and len(err.splitlines()) == 1


def test_a_page_of_several_places_has_a_part_for_each(call, tmp_path):
    for share in (0.5, 0.8):
        arm = right_arm(share)
        saved(tmp_path / "study" / str(share), end=arm["end"], mask=arm["mask"])
    call(tmp_path / "study", "--requested", 0.8, "--html", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    names = re.findall(r'<[^>]* id="([^"]*)"', text)
    assert len(set(names)) == len(names) > 8
    assert text.count("<details") == 2 and "1 fault in 1 of 2 places: reached-is-not-requested." in text
    assert masks.digest(right_arm(0.8)["mask"]) in text
