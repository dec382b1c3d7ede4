"""What a user's functions promise ``tickets``: each promise broken once, and named."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lotterylab.errors import UsageError
from lotterylab.training.user_slots import restore
from some_loop import ends, find, init_fn, train_fn


def moves_held_weights(module, run):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.01)


def changes_a_shape(module, run):
    train_fn(module, run)
    module.fc1.weight = torch.nn.Parameter(torch.zeros(3, 3))


def forgets_the_seed(module, run):
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with run.hold(optimizer):
        for _ in run.steps:
            optimizer.zero_grad()
            module(torch.randn(4, 1, 8, 8)).square().mean().backward()
            optimizer.step()


def counts_from_its_own_beginning(module, run):
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with run.hold(optimizer):
        for number, _ in enumerate(run.steps):
            optimizer.zero_grad()
            inputs = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(number))
            module(inputs).square().mean().backward()
            optimizer.step()


def does_nothing(module, run):
    with run.hold(torch.optim.SGD(module.parameters(), lr=0.1)):
        pass


def makes_its_schedule_anew(module, run):
    """Its rate drops 6 steps after the call began, wherever it began."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 6)
    with run.hold(optimizer):
        for step in run.steps:
            optimizer.zero_grad()
            inputs = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(step))
            module(inputs).square().mean().backward()
            optimizer.step()
            schedule.step()


def test_a_schedule_that_begins_anew_with_each_call_is_named_where_something_is_rewound(tmp_path):
    for procedure in ("iterative", "learning-rate-rewinding"):
        found = find(tmp_path / procedure, train_fn=makes_its_schedule_anew, steps=9, rewind_to=4, procedure=procedure)
        assert [alarm.code for alarm in found.alarms if alarm.severity == "fault"] == ["steps-not-continued"]
        assert "9 steps in two calls" in found.alarms[0].message


def test_the_dense_network_of_rewound_tickets_is_trained_in_one_call(tmp_path):
    straight, rewound = find(tmp_path / "a", sparsities=[0.5]), find(tmp_path / "b", sparsities=[0.5], rewind_to=4)
    schedule = {"train_fn": makes_its_schedule_anew, "sparsities": [0.5], "steps": 9}
    others = find(tmp_path / "c", **schedule), find(tmp_path / "d", **schedule, rewind_to=4)
    for one, other in ((straight, rewound), others):
        assert ends(one.rows[0].nodes["train"], one.store) == ends(other.rows[0].nodes["train"], other.store)


def leaves_the_numbers(module, run):
    """Its rate is far too high, each time in the same way."""
    optimizer = torch.optim.SGD(module.parameters(), lr=1e30)
    with run.hold(optimizer):
        for step in run.steps:
            optimizer.zero_grad()
            inputs = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(step))
            module(inputs).square().mean().backward()
            optimizer.step()


def test_a_training_that_diverged_is_named_and_is_not_said_to_forget_its_seed(tmp_path):
    found = find(tmp_path, train_fn=leaves_the_numbers, steps=4, sparsities=[0.5])
    said = {alarm.code: alarm.message for alarm in found.alarms if alarm.severity == "fault"}
    assert set(said) == {"diverged", "failed"} and "conv1.weight" in said["diverged"]
    assert "NaN" in said["failed"], "of a network without numbers nothing can be pruned"


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (moves_held_weights, "pruned-weights-moved"),
        (moves_held_weights, "not-held"),
        (changes_a_shape, "shape-changed"),
        (forgets_the_seed, "seed-forgotten"),
        (counts_from_its_own_beginning, "steps-not-continued"),
        (does_nothing, "not-trained"),
    ],
)
def test_a_broken_promise_is_named(broken, code, tmp_path):
    found = find(tmp_path, train_fn=broken, steps=4, sparsities=[0.5])
    assert code in {alarm.code for alarm in found.alarms if alarm.severity == "fault"}
    assert code in str(found)


def learns_a_temperature(module, run):
    temperature = torch.nn.Parameter(torch.ones(()))
    with run.hold(torch.optim.SGD([*module.parameters(), temperature], lr=0.1)):
        pass


def test_an_optimizer_with_a_parameter_from_elsewhere_is_refused_by_name(tmp_path):
    found = find(tmp_path, train_fn=learns_a_temperature, steps=4, sparsities=[0.5])
    assert "a parameter of shape () that does not belong to the module" in found.alarms[0].message


def test_a_count_of_steps_goes_where_the_kernel_reads_it():
    parameter = nn.Parameter(torch.ones(2, device="meta"))
    slots = {"step/w": torch.tensor(3.0), "exp_avg/w": torch.ones(2)}
    places = {}
    for fused in (False, True):
        optimizer = torch.optim.AdamW([parameter], lr=0.1)
        optimizer.param_groups[0]["fused"] = fused
        restore(optimizer, {"w": parameter}, slots)
        places[fused] = {name: one.device.type for name, one in optimizer.state[parameter].items()}
    assert places == {False: {"step": "cpu", "exp_avg": "meta"}, True: {"step": "meta", "exp_avg": "meta"}}


def test_a_loop_that_keeps_its_promises_raises_no_fault(tmp_path):
    found = find(tmp_path, steps=4, sparsities=[0.5], rewind_to=2)
    assert [alarm for alarm in found.alarms if alarm.severity == "fault"] == []


def begins_anywhere(seed):
    return init_fn(torch.seed() % 1000)


def begins_at_one_place(seed):
    return init_fn(0)


@pytest.mark.parametrize(
    ("broken", "code"), [(begins_anywhere, "seed-forgotten"), (begins_at_one_place, "seed-ignored")]
)
def test_initial_weights_that_are_no_function_of_the_seed_are_named(broken, code, tmp_path):
    found = find(tmp_path, init_fn=broken, steps=4, sparsities=[0.5])
    assert [alarm.code for alarm in found.alarms if alarm.severity == "fault"] == [code]
    assert "init_fn" in str(found)


def divides_by_zero(module, run):
    return 1 / 0


def test_an_error_in_a_function_is_told_with_its_place(tmp_path):
    found = find(tmp_path, train_fn=divides_by_zero, steps=4, sparsities=[0.5])
    told = " ".join(str(found).split())
    assert "FAULT failed: ZeroDivisionError: division by zero" in told and "test_ticket_promises.py:" in told
    assert "report" not in told


def judges_by_chance(module):
    return float(torch.rand(()))


def judges_nothing(module):
    return {"test_accuracy": float("nan"), "loss": 1.0}


def goes_on_after_its_block(module, run):
    train_fn(module, run)
    with torch.no_grad():
        module.fc2.bias.add_(0.5)


def test_a_judgement_that_is_another_one_each_time_is_named(tmp_path):
    found = find(tmp_path, eval_fn=judges_by_chance, steps=4, sparsities=[0.5])
    assert [alarm.code for alarm in found.alarms if alarm.severity == "fault"] == ["judgement-not-repeated"]


def test_a_judgement_that_is_no_number_is_named_and_has_no_interval(tmp_path):
    found = find(tmp_path, eval_fn=judges_nothing, steps=4, sparsities=[0.5])
    faults = [alarm for alarm in found.alarms if alarm.severity == "fault"]
    assert {alarm.code for alarm in faults} == {"not-a-number"} and "test_accuracy = nan" in faults[0].message
    with pytest.raises(UsageError, match=r"no finished run of .* has a number 'test_accuracy'"):
        found.interval(method="dense")
    with pytest.raises(UsageError, match=r"no seed of both .* has a number 'test_accuracy'"):
        found.difference({"method": "dense"}, {"sparsity": 0.5})
    assert found.interval("loss", method="dense").mean == 1.0


def test_weights_that_change_after_the_block_are_named(tmp_path):
    found = find(tmp_path, train_fn=goes_on_after_its_block, steps=4, sparsities=[0.5])
    assert "changed-after-hold" in {alarm.code for alarm in found.alarms if alarm.severity == "fault"}


def test_a_training_that_is_the_same_for_every_seed_is_a_caution(tmp_path):
    """``makes_its_schedule_anew`` draws its batches from the step alone."""
    found = find(tmp_path, train_fn=makes_its_schedule_anew, steps=4, sparsities=[0.5])
    assert [(alarm.code, alarm.severity) for alarm in found.alarms if "seed" in alarm.code] == [
        ("order-seed-ignored", "caution")
    ]


def with_dropout(seed):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 10)
    )


def judges_in_training_mode(module):
    torch.manual_seed(0)
    return float(module(torch.ones(4, 1, 8, 8)).mean())


def judges_in_eval_mode(module):
    module.eval()
    return judges_in_training_mode(module)


def test_a_network_that_is_judged_in_training_mode_is_named_with_its_layers(tmp_path):
    options = {"init_fn": with_dropout, "steps": 4, "sparsities": [0.5]}
    found = find(tmp_path, eval_fn=judges_in_training_mode, **options)
    (alarm,) = [alarm for alarm in found.alarms if alarm.code == "judged-in-training-mode"]
    assert alarm.severity == "fault" and "module.eval()" in alarm.message
    assert "(2 (batch_norm), 4 (dropout))" in alarm.message
    found = find(tmp_path, eval_fn=judges_in_eval_mode, **options)
    assert "judged-in-training-mode" not in {alarm.code for alarm in found.alarms}
