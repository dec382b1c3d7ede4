"""Each alarm is tested at its limit and beyond, from plain numbers."""

import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lotterylab.auditing import Alarm, alarms, run_alarms
from lotterylab.errors import UsageError

WEIGHTS = 544_864  # of the shallow CNN of the published activation study


def only(found: list[Alarm]) -> Alarm:
    assert len(found) == 1
    return found[0]


@given(share=st.fractions(0, 1), entries=st.integers(1, 10**6), data=st.data())
def test_reached_alarms_exactly_where_the_count_is_more_than_half_an_entry_off(share, entries, data):
    removed = data.draw(st.integers(0, entries))
    expected = abs(share - Fraction(removed, entries)) * entries > Fraction(1, 2)
    found = alarms.reached_is_not_requested(requested=str(share), removed=removed, entries=entries)
    assert bool(found) == expected


def test_the_published_study_is_told_that_it_pruned_the_other_fraction():
    alarm = only(alarms.reached_is_not_requested(requested=0.9, removed=54_485, entries=WEIGHTS, where="magnitude/0.9"))
    assert alarm.severity == "fault" and alarm.where == "magnitude/0.9"
    assert "asked 90 % (490,378 of 544,864), removed 10 % (54,485)" in alarm.message
    assert "a fraction 1 - s was pruned" in alarm.message


def test_another_wrong_count_is_not_taken_for_the_other_fraction():
    alarm = only(alarms.reached_is_not_requested(requested=0.9, removed=200, entries=1000))
    assert "700 too few" in alarm.message and "1 - s" not in alarm.message
    assert "100 too many" in only(alarms.reached_is_not_requested(requested=0.5, removed=600, entries=1000)).message


@pytest.mark.parametrize(("removed", "severity"), [(899, "caution"), (901, "caution"), (898, "fault"), (902, "fault")])
def test_one_entry_of_a_thousand_too_many_or_too_few_is_a_caution_and_two_are_a_fault(removed, severity):
    assert only(alarms.reached_is_not_requested(requested=0.9, removed=removed, entries=1000)).severity == severity


def test_one_half_is_its_own_complement_so_a_near_miss_of_it_is_not_called_wrong_way_round():
    assert "1 too few" in only(alarms.reached_is_not_requested(requested=0.5, removed=499, entries=1000)).message


def test_weights_without_biases_are_told_beside_the_rest():
    found = alarms.reached_is_not_requested(requested=0.9, removed=54_485, entries=545_098, weights=(54_485, WEIGHTS))
    assert "(of weights alone 54,485 of 544,864)" in only(found).message


@pytest.mark.parametrize("requested", [90, -0.1, "half", float("nan")])
def test_a_request_that_is_no_fraction_is_refused(requested):
    with pytest.raises(UsageError, match="from 0 to 1"):
        alarms.reached_is_not_requested(requested=requested, removed=5, entries=10)


@pytest.mark.parametrize(("removed", "entries"), [(11, 10), (-1, 10), (0, 0)])
def test_an_impossible_count_is_refused(removed, entries):
    with pytest.raises(UsageError, match="cannot have been removed"):
        alarms.reached_is_not_requested(requested=0.5, removed=removed, entries=entries)


def test_the_same_fraction_of_each_layer_is_reached_though_its_roundings_add_up():
    counts = {"a": (2, 3), "b": (2, 3), "c": (2, 3), "d": (2, 3)}  # 0.5 of 3 is 2 each: 8 of 12 and not 6
    assert alarms.is_reached(0.5, counts)
    assert alarms.is_reached(0.5, {"a": (0, 3), "b": (6, 9)})
    assert not alarms.is_reached(0.5, {"a": (2, 3), "b": (2, 3), "c": (2, 3), "d": (3, 3)})


@pytest.mark.parametrize(("ties", "entries", "alarmed"), [(0, 1, 0), (1, 10, 0), (2, 2000, 0), (2, 1999, 1)])
def test_ties_alarm_from_two_on_and_above_a_thousandth(ties, entries, alarmed):
    assert len(alarms.ties_at_cut(ties=ties, entries=entries)) == alarmed


@pytest.mark.parametrize(
    ("kept", "words"), [(0, "all of them were removed"), (90, "all of them were kept"), (30, "30 of them were kept")]
)
def test_ties_say_what_became_of_them(kept, words):
    assert words in only(alarms.ties_at_cut(ties=90, entries=100, kept=kept)).message


def test_ties_of_unknown_fate_say_nothing_of_it():
    assert "were" not in only(alarms.ties_at_cut(ties=90, entries=100)).message


@pytest.mark.parametrize(("zeros", "fires"), [(0, False), (10, False), (11, True)])
def test_zero_scores_alarm_above_one_percent(zeros, fires):
    assert bool(alarms.zero_scores(zeros=zeros, entries=1000)) == fires


@pytest.mark.parametrize(("zeros", "severity"), [(500, None), (501, "caution"), (999, "caution"), (1000, "fault")])
def test_zero_gradients_are_a_caution_above_one_half_and_a_fault_if_there_is_no_other(zeros, severity):
    found = alarms.zero_gradients(zeros=zeros, entries=1000)
    assert [alarm.severity for alarm in found] == [severity] * (severity is not None)


def test_nan_scores_are_a_fault():
    assert only(alarms.nan_scores(nan=1, entries=9)).severity == "fault"
    assert alarms.nan_scores(nan=0, entries=9) == []


def test_one_mask_for_three_requests_is_one_alarm_and_the_same_request_twice_is_none():
    alarm = only(alarms.identical_masks({"0.5": (0.5, "x"), "0.8": (0.8, "x"), "0.9": ("0.9", "x"), "all": (0, "y")}))
    assert "0.5 (asked 50 %), 0.8 (asked 80 %), 0.9 (asked 90 %)" in alarm.message
    assert alarms.identical_masks({"a": (0.5, "x"), "b": ("1/2", "x"), "c": (0.8, "y")}) == []
    found = alarms.identical_masks({"a": (0.5, "x"), "b": (0.8, "y"), "c": (0.6, "x"), "d": (0.9, "y")})
    listed = [alarm.message.split(": ")[1] for alarm in found]
    assert listed == ["a (asked 50 %), c (asked 60 %)", "b (asked 80 %), d (asked 90 %)"]


@pytest.mark.parametrize(
    ("kept", "removed", "fires"),
    [
        ((50, 500), (450, 0), True),  # the study's criterion: one sign goes first
        ((0, 300), (500, 200), True),  # and one sign stays
        ((50, 500), (99, 0), False),  # a set of fewer than 100 may be of one sign by chance
        ((50, 500), (100, 0), True),
        ((50, 500), (297, 3), False),  # 1 %
        ((0, 850), (100, 50), False),  # 10 % among the candidates
        ((0, 850), (101, 50), True),
        ((50, 500), (446, 4), True),
        ((50, 500), (445, 5), False),  # 1.1 %
        ((900, 0), (99, 1), False),  # the candidates were of one sign already
        ((250, 250), (250, 250), False),
    ],
)
def test_one_sign_fires_when_a_large_set_is_nearly_pure_and_the_candidates_are_not(kept, removed, fires):
    counts = dict(zip(("kept_positive", "kept_negative"), kept, strict=True))
    counts |= dict(zip(("removed_positive", "removed_negative"), removed, strict=True))
    assert bool(alarms.one_sign(**counts)) == fires


def test_a_mask_of_one_sign_on_both_sides_is_one_alarm():
    found = alarms.one_sign(kept_positive=0, kept_negative=200, removed_positive=200, removed_negative=0)
    assert "all kept and all removed weights" in only(found).message


def test_many_names_are_shortened():
    assert "a, b, c, d and 2 more" in only(alarms.emptied_layers(list("abcdef"))).message
    assert "a, b, c, d:" in only(alarms.emptied_layers(list("abcd"))).message
    assert alarms.emptied_layers([]) == []


def test_the_last_channel_of_a_layer():
    alarm = only(alarms.last_channels(["norm.7.weight"]))
    assert (alarm.code, alarm.severity) == ("last-channel", "caution") and "norm.7.weight" in alarm.message
    assert alarms.last_channels([]) == []


def test_moved_tells_count_share_size_place_and_the_sparsity_that_is_left():
    found = run_alarms.moved(moved=90, removed=100, entries=200, largest=0.25, layers=["fc.weight"], left=0.05)
    message = only(found).message
    for part in ("90 of 100", "90 %", "0.25", "fc.weight", "5 %", "50 %"):
        assert part in message
    assert run_alarms.moved(moved=0, removed=100, entries=200, largest=0.0, layers=[], left=0.5) == []


def test_start_tells_an_unapplied_mask_from_a_missing_reset_and_from_fine_tuning():
    def severities(**what):
        numbers = {"changed": 0, "kept": 10, "nonzero": 0, "removed": 10} | what
        return [alarm.severity for alarm in run_alarms.start_not_initial(**numbers)]

    assert severities() == []
    assert severities(nonzero=1) == ["fault"]
    assert severities(changed=1) == ["fault"]
    assert severities(changed=10, is_dense=True) == ["caution"]
    assert severities(outside=["fc.bias"]) == ["caution"]
    assert severities(changed=10, outside=["fc.bias"]) == ["fault"]


@given(classes=st.integers(2, 1000), images=st.integers(1, 10**6))
def test_chance_level_is_never_learned_and_four_standard_errors_are(classes, images):
    chance = 1 / classes
    error = (chance * (1 - chance) / images) ** 0.5
    assert run_alarms.never_left_chance(accuracy=chance + 2.9 * error, classes=classes, images=images)
    assert not run_alarms.never_left_chance(accuracy=chance + 3.1 * error, classes=classes, images=images)


def test_the_studys_sigmoid_column_left_chance_only_once():
    fires = [bool(run_alarms.never_left_chance(accuracy=a, classes=10, images=5000)) for a in (0.158, 0.101, 0.099)]
    assert fires == [False, True, True]


def test_a_network_that_learned_its_training_set_did_leave_chance():
    known = {"accuracy": 0.1, "classes": 10, "images": 5000}
    assert not run_alarms.never_left_chance(**known, train_accuracy=0.99)
    assert run_alarms.never_left_chance(**known, train_accuracy=0.1)


def test_divergence_is_seen_in_the_state_or_told_by_the_epoch():
    assert "epoch 3" in only(run_alarms.diverged(epoch=3)).message
    assert "fc.weight" in only(run_alarms.diverged(names=["fc.weight"])).message
    assert run_alarms.diverged() == []


@pytest.mark.parametrize(
    ("picked", "reads", "severity"),
    [
        ("test", 51, "fault"),
        ("test", None, "fault"),
        ("", 20, "caution"),
        ("", 2, "caution"),
        ("", None, None),
        ("validation", 1, None),
        ("validation", 3, "caution"),
        ("validation-loss", 2, None),
    ],
)
def test_picking_by_the_test_set_is_a_fault_and_watching_it_a_caution(picked, reads, severity):
    found = run_alarms.selection_on_test(picked=picked, test_reads=reads)
    assert [alarm.severity for alarm in found] == [severity] * (severity is not None)


def test_different_orders_name_the_arms_on_each_side():
    assert (
        "magnitude, dense | grasp"
        in only(run_alarms.different_order({"magnitude": "a", "grasp": "b", "dense": "a"})).message
    )
    assert run_alarms.different_order({"magnitude": "a", "dense": "a"}) == []
    assert run_alarms.different_order({}) == []


def test_scored_on_trained_names_the_method():
    assert "grasp" in only(run_alarms.scored_on_trained(True, method="grasp")).message
    assert run_alarms.scored_on_trained(False) == []


def test_faults_come_first_and_otherwise_the_order_stays():
    severities = {"a": "caution", "b": "fault", "c": "caution", "d": "fault"}
    told = [Alarm(code=code, message="", severity=severity) for code, severity in severities.items()]
    assert [alarm.code for alarm in alarms.ordered(told)] == ["b", "d", "a", "c"]


def test_the_package_is_imported_without_torch():
    script = "import sys; sys.modules['torch'] = None; import lotterylab.auditing"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_best_of_several_at_their_end_is_a_caution():
    rates = (0.01, 0.03, 0.1)
    assert [bool(run_alarms.choice_at_edge(value=one, values=rates)) for one in rates] == [True, False, True]
    assert run_alarms.choice_at_edge(value=0.1, values=(0.1,)) == [], "there was no choice"
    alarm = only(run_alarms.choice_at_edge(value=0.1, values=rates))
    assert alarm.severity == "caution" and "0.1 was chosen, the largest of 0.01, 0.03, 0.1" in alarm.message


@pytest.mark.parametrize(("p", "doubted"), [(0.05, True), (0.1, True), (0.3, False), (0.5, False), (0.9, True)])
def test_an_early_bird_rule_is_doubted_where_random_masks_settle_too(p, doubted):
    """The paper's distance of 0.1 against 2p(1-p)."""
    found = run_alarms.drawn_by_chance(name=f"early-bird-{p:g}", limit=0.1, chance=2 * p * (1 - p))
    assert [alarm.code for alarm in found] == ["drawn-by-chance"] * doubted
