"""Foreign file names cannot forge a line of the audit, and types that cannot be ranked are refused."""

import json

import pytest
import torch

from lotterylab.auditing import audit, audit_folder
from lotterylab.commands.main import main
from lotterylab.errors import UsageError
from lotterylab.formats.text import shown_lines
from some_arms import right_arm

FORGING = "fc1\nOK all: no alarm from init, dense, start, end, mask"
CLEARING = "\x1b[2J\x1b[Hfc2"


def test_hostile_names_of_tensors_are_escaped_in_every_line_and_in_json(tmp_path, capsys):
    names = {"fc1.weight": FORGING, "fc2.weight": CLEARING}
    arm = {
        role: {names.get(name, name): tensor for name, tensor in tensors.items()}
        for role, tensors in right_arm(0.1).items()
        if isinstance(tensors, dict)
    }
    arm["end"][FORGING] = arm["end"][FORGING] + 1
    arm["end"][CLEARING] = torch.full_like(arm["end"][CLEARING], torch.nan)
    for role in ("init", "start", "end", "mask"):
        torch.save(arm[role], tmp_path / f"{role}.pt")
    (tmp_path / "\x1b[2J\nOK x.pt").write_bytes(b"")
    assert main(["audit", str(tmp_path), "--requested", "0.9"]) == 3
    out = capsys.readouterr().out
    assert shown_lines(out) == out and not any(line.startswith("OK") for line in out.split("\n"))
    assert "fc1\\nOK all" in out and "\\x1b[2J\\x1b[Hfc2" in out and "NOTE not-read" in out
    assert main(["audit", str(tmp_path), "--requested", "0.9", "--json"]) == 3
    text = capsys.readouterr().out
    (report,) = json.loads(text)["reports"]
    assert all(shown_lines(alarm["message"]) == alarm["message"] for alarm in report["alarms"])
    assert "\x1b" not in text and "\\u001b" not in text and report["verdict"] == "fault"


def test_a_refusal_of_a_hostile_name_is_one_line(tmp_path, capsys):
    torch.save({FORGING: torch.ones(2, 2)}, tmp_path / "end.pt")
    torch.save({FORGING: torch.ones(2, 3)}, tmp_path / "init.pt")
    assert main(["audit", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lotterylab: ") and "fc1\\nOK all" in line


@pytest.mark.parametrize("kind", ["complex64", "bool", "uint16", "uint64"])
def test_weights_that_have_no_size_and_sign_are_refused_by_name(kind):
    arm = right_arm()
    arm["dense"]["fc1.weight"] = arm["dense"]["fc1.weight"].to(getattr(torch, kind))
    with pytest.raises(UsageError, match=f"dense: 'fc1.weight' is {kind}, and only real numbers can be ranked"):
        audit(**{role: arm[role] for role in ("dense", "mask")})


@pytest.mark.parametrize("kind", ["complex64", "bool", "uint16", "int64"])
def test_other_tensors_of_a_network_may_have_any_readable_type(tmp_path, kind):
    arm = right_arm()
    for role in ("init", "start", "end", "mask"):
        extra = {} if role == "mask" else {"rope": torch.ones(3, 3).to(getattr(torch, kind))}
        torch.save({**arm[role], **extra}, tmp_path / f"{role}.pt")
    (report,) = audit_folder(tmp_path, requested=0.8)
    assert report.alarms == ()


def test_a_pipe_under_the_name_of_a_mask_or_of_run_json_is_refused_and_not_waited_for(tmp_path):
    import os

    torch.save(right_arm()["end"], tmp_path / "end.pt")
    for name in ("mask.pt", "run.json"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(UsageError, match=f"{name} is a pipe, not a file"):
            audit_folder(tmp_path)
        (tmp_path / name).unlink()
