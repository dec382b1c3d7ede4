"""The audit reads states of torch.nn.utils.prune, and files that hold more than tensors."""

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from lotterylab.auditing import audit_folder
from lotterylab.errors import UsageError


def test_a_state_of_torch_s_own_pruning_is_its_weights_and_brings_its_masks(tmp_path):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 5))
    torch.save(module.state_dict(), tmp_path / "init.pt")
    layers = [(layer, "weight") for layer in module if isinstance(layer, nn.Linear)]
    prune.global_unstructured(layers, pruning_method=prune.L1Unstructured, amount=0.9)
    torch.save(module.state_dict(), tmp_path / "end.pt")
    (report,) = audit_folder(tmp_path, requested=0.9)
    assert (report.facts["entries"], report.facts["removed"]) == (700, 630)
    assert [alarm.code for alarm in report.alarms if alarm.severity == "fault"] == []
    (wrong,) = audit_folder(tmp_path, requested=0.1)
    assert "reached-is-not-requested" in [alarm.code for alarm in wrong.alarms]


def test_a_pickled_module_is_refused_without_torch_s_advice_to_run_it(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "end.pt")
    with pytest.raises(UsageError, match="it holds more than tensors") as error:
        audit_folder(tmp_path)
    assert "\x1b" not in str(error.value)
