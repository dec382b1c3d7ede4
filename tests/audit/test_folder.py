"""The audit of folders assigns files to arms, shares states between arms, and refuses bad files."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from lotterylab import masks
from lotterylab.auditing import Report, audit_folder
from lotterylab.errors import UsageError
from lotterylab.formats.blobs import write_tensors
from some_arms import later, right_arm

TENSORS = ("init", "dense", "start", "end", "mask", "scores", "gradients")
FACTS = ("requested", "accuracy", "train_accuracy", "classes", "test_images", "picked", "test_reads")


def write(folder: Path, arm: dict, only: tuple[str, ...] = TENSORS, **facts) -> Path:
    """Write an arm as safetensors and a run.json."""
    folder.mkdir(parents=True, exist_ok=True)
    for role in only:
        write_tensors(folder / f"{role}.safetensors", arm[role])
    (folder / "run.json").write_text(json.dumps({name: arm[name] for name in FACTS} | facts))
    return folder


def found(reports: list[Report]) -> dict[str, list[str]]:
    return {report.where: [alarm.code for alarm in report.alarms] for report in reports}


def test_a_right_arm_gives_one_line_that_says_what_was_looked_at(tmp_path):
    (report,) = audit_folder(write(tmp_path / "magnitude", right_arm()))
    assert report.alarms == () and report.where == "magnitude"
    line, *notes = report.lines()
    assert line.startswith("OK magnitude: no alarm from init, dense, start, end, mask, scores, gradients, accuracy")
    assert line.endswith("requested") and all(note.startswith("NOTE ") for note in notes)
    assert (report.facts["removed"], report.facts["entries"], report.facts["reached"]) == (720, 900, 0.8)
    assert report.facts["removed_among_smallest"] == 1.0
    assert report.facts["mask_digest"] == masks.digest(right_arm()["mask"])


def test_a_line_names_the_severity_the_code_the_arm_and_the_message(tmp_path):
    write(tmp_path / "magnitude" / "0.9", right_arm(0.1), requested=0.9)
    (report,) = audit_folder(tmp_path)
    line, *notes = report.lines()
    assert all(note.startswith("NOTE ") for note in notes)
    assert line == (
        "FAULT reached-is-not-requested magnitude/0.9: asked 90 % (810 of 900), removed 10 % (90): "
        "a fraction 1 - s was pruned: the ranking or the fraction is reversed"
    )


def test_arms_below_share_init_and_dense(tmp_path):
    arm = right_arm()
    for role in ("init", "dense"):
        write_tensors(tmp_path / f"{role}.safetensors", arm[role])
    for target in (0.5, 0.8):
        write(tmp_path / "magnitude" / str(target), right_arm(target), ("start", "end", "mask"))
    reports = audit_folder(tmp_path)
    assert found(reports) == {"magnitude/0.5": [], "magnitude/0.8": []}
    assert all({"init", "dense"} <= set(report.facts["evidence"]) for report in reports)


def test_the_nearest_folder_above_wins_and_none_above_the_audited_one_is_read(tmp_path):
    arm = right_arm()
    write_tensors(tmp_path / "init.safetensors", {"fc1.weight": torch.zeros(1)})
    write(tmp_path / "study" / "a", arm, ("start", "end", "mask"))
    write_tensors(tmp_path / "study" / "init.safetensors", arm["init"])
    assert found(audit_folder(tmp_path)) == {"study/a": []}
    (tmp_path / "study" / "init.safetensors").unlink()
    (report,) = audit_folder(tmp_path / "study")
    assert "init" not in report.facts["evidence"]


def test_an_arm_above_shares_its_init_but_not_its_mask_or_start(tmp_path):
    arm = right_arm()
    write(tmp_path, arm)
    dense_run = write(tmp_path / "dense-run", arm, (), requested=0.0)
    write_tensors(dense_run / "end.safetensors", arm["dense"])
    above, below = audit_folder(tmp_path)
    assert above.alarms == below.alarms == ()
    assert below.facts["evidence"][:3] == ("init", "dense", "end")
    assert "reached" not in below.facts and "no mask is known" in below.lines()[0]


@pytest.mark.parametrize("suffix", [".pt", ".pth"])
def test_weights_only_pickles_are_read_wrapped_or_not_and_masks_of_zeros_and_ones_too(tmp_path, suffix):
    arm = right_arm()
    torch.save(arm["init"], tmp_path / f"init{suffix}")
    torch.save({"state_dict": arm["start"], "epoch": 0}, tmp_path / f"start{suffix}")
    torch.save({"model": arm["end"]}, tmp_path / f"final{suffix}")
    torch.save({name: kept.float() for name, kept in arm["mask"].items()}, tmp_path / f"mask{suffix}")
    (report,) = audit_folder(tmp_path, requested=0.8)
    assert report.alarms == () and report.facts["evidence"] == ("init", "start", "end", "mask", "requested")


class Intruder:
    """Runs code when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, save):
    trace = tmp_path / "was-here"
    save({"fc1.weight": Intruder(trace)}, tmp_path / "end.pt")
    with pytest.raises(UsageError, match="cannot be read as weights alone"):
        audit_folder(tmp_path)
    assert not trace.exists()


def test_a_whole_pickled_module_is_refused(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "end.pt")
    with pytest.raises(UsageError, match="state_dict"):
        audit_folder(tmp_path)


def test_requested_is_for_arms_that_do_not_say(tmp_path):
    write(tmp_path / "says", right_arm(0.5))
    write(tmp_path / "silent", right_arm(0.8), requested=None)
    assert found(audit_folder(tmp_path, requested=0.8)) == {"says": [], "silent": []}
    assert found(audit_folder(tmp_path, requested=0.5))["silent"] == ["reached-is-not-requested"]
    assert found(audit_folder(tmp_path)) == {"says": [], "silent": []}


def test_every_fact_of_a_run_is_judged(tmp_path):
    arm = right_arm()
    write(tmp_path / "chance", arm, accuracy=0.1, train_accuracy=0.1)
    write(tmp_path / "diverged", arm, diverged_epoch=7)
    write(tmp_path / "picked", arm, picked="test")
    write(tmp_path / "reads", arm, test_reads=20)
    write(tmp_path / "scored", arm, method="First-order GraSP", scored_on="trained")
    write(tmp_path / "right", arm, method="grasp", scored_on="init")
    write(tmp_path / "trained", arm, method="magnitude", scored_on="trained")
    assert found(audit_folder(tmp_path)) == {
        "chance": ["never-left-chance"],
        "diverged": ["diverged"],
        "picked": ["selection-on-test"],
        "reads": ["selection-on-test"],
        "right": [],
        "scored": ["scored-on-trained"],
        "trained": [],
    }


def test_a_mask_that_several_requests_share_is_one_report_of_their_folder(tmp_path):
    for target in (0.5, 0.8, 0.9):
        write(tmp_path / "grasp" / str(target), right_arm(0.8), requested=target, method="grasp")
    write(tmp_path / "grasp" / "other", right_arm(0.8), requested=0.8, method="another with the same mask")
    *_, compared = audit_folder(tmp_path)
    assert compared.where == "grasp" and [alarm.code for alarm in compared.alarms] == ["identical-masks"]
    assert "0.5 (asked 50 %), 0.8 (asked 80 %), 0.9 (asked 90 %)" in compared.lines()[0]
    assert compared.facts["compared"] == ("0.5", "0.8", "0.9", "other")


def test_different_methods_may_have_one_mask(tmp_path):
    write(tmp_path / "a", right_arm(0.5), ("end", "mask"), method="a")
    write(tmp_path / "b", right_arm(0.5), ("end", "mask"), method="b", requested=0.4)
    write(tmp_path / "c", right_arm(0.5), ("end", "mask"), method="c", requested=0.6)
    missed = ["reached-is-not-requested"]
    assert found(audit_folder(tmp_path)) == {"a": [], "b": missed, "c": missed}


def test_a_mask_with_biases_is_described_over_weights_alone_too(tmp_path):
    arm = right_arm()
    mask = arm["mask"] | {"fc1.bias": torch.ones(30, dtype=torch.bool)}
    write(tmp_path, arm | {"mask": mask}, ("end", "mask"))
    (report,) = audit_folder(tmp_path)
    assert (report.facts["reached"], report.facts["reached_of_weights"]) == (720 / 930, 0.8)


def test_arms_side_by_side_with_different_orders_are_told(tmp_path):
    write(tmp_path / "magnitude", right_arm(), order="seed 42")
    write(tmp_path / "grasp", right_arm(), order="seed 42 after one batch")
    write(tmp_path / "elsewhere" / "random", right_arm(), order="seed 7")
    *_, compared = audit_folder(tmp_path)
    assert compared.where == tmp_path.name
    assert [(alarm.code, alarm.severity) for alarm in compared.alarms] == [("different-order", "caution")]
    assert "grasp | magnitude" in compared.alarms[0].message


def test_the_mask_is_inferred_where_there_is_none(tmp_path):
    (report,) = audit_folder(write(tmp_path, right_arm(), ("init", "start", "end")))
    assert [alarm.code for alarm in report.alarms] == ["mask-inferred"]
    assert report.facts["mask_inferred_from"] == "start" and "mask" not in report.facts["evidence"]


def test_a_strangers_names_are_matched_by_their_words(tmp_path):
    arm = right_arm()
    names = {"init": "resnet_Initial", "dense": "dense-baseline", "end": "model.pruned.80", "mask": "masks"}
    for role, name in names.items():
        torch.save(arm[role], tmp_path / f"{name}.pt")
    torch.save(arm["end"], tmp_path / "backend.pt")  # "end" has to stand alone
    (report,) = audit_folder(tmp_path, requested=0.8)
    assert report.facts["evidence"] == ("init", "dense", "end", "mask", "requested") and report.alarms == ()
    assert report.lines()[-1] == f"NOTE not-read {tmp_path.name}: backend.pt"
    (judged,) = [line for line in report.lines() if line.startswith(f"NOTE judged {tmp_path.name}: ")]
    assert judged.endswith(" | end: model.pruned.80.pt: 4 tensors | mask: masks.pt: 2 tensors")


def test_a_faulty_stranger_is_found_out(tmp_path):
    arm = right_arm(0.2)
    torch.save(arm["init"], tmp_path / "my_init.pt")
    torch.save(later(arm["start"], 2), tmp_path / "my_final.pt")
    torch.save(arm["mask"], tmp_path / "my_mask.pt")
    (report,) = audit_folder(tmp_path, requested=0.8)
    assert [alarm.code for alarm in report.alarms] == ["reached-is-not-requested", "moved"]


def test_two_files_for_one_role_are_refused_by_name(tmp_path):
    arm = right_arm()
    torch.save(arm["end"], tmp_path / "a_final.pt")
    torch.save(arm["end"], tmp_path / "a_pruned.pt")
    with pytest.raises(UsageError, match=r"a_final\.pt and .*a_pruned\.pt could all be end"):
        audit_folder(tmp_path)
    torch.save(arm["end"], tmp_path / "end.pt")  # the exact name decides
    (report,) = audit_folder(tmp_path)
    assert report.facts["unread"] == ["a_final.pt", "a_pruned.pt"]
    torch.save(arm["end"], tmp_path / "final.pth")
    with pytest.raises(UsageError, match=r"end\.pt and .*final\.pth"):
        audit_folder(tmp_path)


def test_one_file_for_two_roles_is_refused(tmp_path):
    torch.save(right_arm()["end"], tmp_path / "dense_final.pt")
    with pytest.raises(UsageError, match=r"matches dense and end\. Name it dense\.pt or end\.pt"):
        audit_folder(tmp_path)


def test_no_arm_is_refused_with_the_layout_and_what_was_found(tmp_path):
    with pytest.raises(UsageError, match=r"Found: nothing"):
        audit_folder(tmp_path)
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "runs").mkdir()
    with pytest.raises(UsageError, match=r"a folder with end\.\* or final\.\* .* Found: notes\.txt, runs/"):
        audit_folder(tmp_path)
    with pytest.raises(UsageError, match="there is no folder"):
        audit_folder(tmp_path / "missing")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"requsted": 0.9}', "Did you mean 'requested'"),
        ('{"requested": "0.9"}', "'requested' is '0.9'; it must be int or float"),
        ('{"classes": true}', "'classes' is True"),
        ('{"scored_on": "trianed"}', "Did you mean 'trained'"),
        ('{"picked": "tset"}', "Did you mean 'test'"),
        ('{"requested": 90}', "from 0 to 1"),
        ('{"accuracy": 43.9}', "Divide a percentage by 100"),
        ("[0.9]", "holds a list"),
        ("{requested: 0.9}", "is not JSON"),
        ("\xff", "is not JSON"),
    ],
)
def test_a_wrong_run_json_is_refused(tmp_path, text, message):
    arm = right_arm()
    write(tmp_path / "arm", arm)
    (tmp_path / "arm" / "run.json").write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=message) as caught:
        audit_folder(tmp_path)
    assert str(tmp_path / "arm") in str(caught.value)


def test_tensors_that_do_not_fit_are_refused_with_the_arms_name(tmp_path):
    arm = right_arm()
    write(tmp_path / "arm", arm | {"end": {"fc1.weight": torch.zeros(30, 20)}})
    with pytest.raises(UsageError, match=r"arm: end: the mask names 'fc2\.weight'"):
        audit_folder(tmp_path)


def test_hidden_folders_are_left_alone_and_nothing_is_written(tmp_path):
    write(tmp_path / "arm", right_arm())
    write(tmp_path / ".cache", right_arm(0.5), requested=0.9)
    before = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    assert found(audit_folder(tmp_path)) == {"arm": []}
    assert {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()} == before


def test_one_broken_file_is_the_fault_of_its_arm_and_the_others_are_read(tmp_path):
    for target in (0.5, 0.8, 0.9):
        write(tmp_path / str(target), right_arm(target), requested=target)
    (tmp_path / "0.8" / "end.safetensors").write_bytes(b"half")
    told = found(audit_folder(tmp_path))
    assert told["0.8"] == ["unreadable"] and told["0.5"] == told["0.9"] == []
    with pytest.raises(UsageError, match="is not a whole safetensors file"):
        audit_folder(tmp_path / "0.8")
