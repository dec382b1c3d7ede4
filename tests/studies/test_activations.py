"""The plan of the activation study: what is shared, what a repair changes, and that nothing else does."""

import dataclasses

import pytest

from lotterylab.data import Cifar10
from lotterylab.errors import UsageError
from lotterylab.plan.nodes import Choose, Data, Init, Prune, Train
from lotterylab.studies.activations import Options, build
from lotterylab.studies.activations_options import TRIAL_SEEDS
from lotterylab.studies.protocols import AS_PUBLISHED, CORRECTED, REPAIRS, ladder

DATA = Data(spec=Cifar10(train=5000, validation=1000, test=5000), content="as if read")


def study(**options):
    return build(Options(**{"seeds": 1, **options}), DATA)


def rows(found, **labels):
    return [row for row in found.rows if all(row.labels[name] == value for name, value in labels.items())]


def test_each_rung_changes_what_it_says_and_keeps_the_rest():
    before = AS_PUBLISHED
    for (name, changes), rung in zip(REPAIRS, ladder(), strict=True):
        assert name in rung.name
        differs = {f.name for f in dataclasses.fields(rung) if getattr(rung, f.name) != getattr(before, f.name)}
        assert differs == {*changes, "name"}
        before = rung
    assert dataclasses.replace(before, name="corrected", biases_scored=False, compared_at="final") == CORRECTED


def test_a_dense_run_is_trained_once_for_all_that_need_it():
    found = study(protocols=("as-published", "ladder"), activations=("tanh",))
    dense = [row.nodes["train"].digest for row in rows(found, method="dense")]
    assert len(dense) == 8 and len(set(dense)) == 5  # rungs 1 to 3 change masks alone
    assert len({row.nodes["train"].digest for row in study(protocols=("corrected",), activations=("tanh",)).rows}) == 30


def test_the_last_rung_and_the_corrected_protocol_share_their_dense_runs_and_choices():
    last = rows(study(protocols=("ladder",)), protocol=ladder()[-1].name, activation="relu", method="dense")
    corrected = rows(study(protocols=("corrected",)), activation="relu", method="dense", control="")
    assert last[0].nodes["train"] == corrected[0].nodes["train"]
    assert last[0].nodes["rate"] == corrected[0].nodes["rate"]


def test_every_activation_has_the_same_trials_with_seeds_used_for_nothing_else():
    found = study(protocols=("corrected",))
    choices = {row.labels["activation"]: row.nodes["rate"] for row in found.rows}
    for choice in choices.values():
        assert isinstance(choice, Choose)
        assert [value for value, _ in choice.candidates] == list(Options().rates)
        assert {run.order_seed for _, runs in choice.candidates for run in runs} == set(TRIAL_SEEDS)
    assert not {row.labels["seed"] for row in found.rows} & set(TRIAL_SEEDS)


def test_in_the_corrected_protocol_only_the_method_differs_between_arms():
    arms = rows(study(protocols=("corrected",), activations=("relu",)), sparsity=0.9, control="")
    trains = [row.nodes["train"] for row in arms]
    assert {row.labels["method"] for row in arms} == {"magnitude", "grasp", "first-order"}
    assert len({(t.start, t.recipe, t.data, t.order_seed) for t in trains}) == 1
    assert all(t.recipe.hold and t.recipe.watch == ("validation",) for t in trains)
    scored = {row.labels["method"]: row.nodes["prune"].of for row in arms}
    assert isinstance(scored["grasp"], Init) and isinstance(scored["first-order"], Init)
    assert isinstance(scored["magnitude"], type(trains[0].final))


def test_as_published_every_quirk_is_there():
    found = rows(study(protocols=("as-published",), activations=("sigmoid",)), protocol="as-published", sparsity=0.9)
    magnitude, first_order = (row.nodes for row in found)
    for nodes in (magnitude, first_order):
        prune, train = nodes["prune"], nodes["train"]
        assert isinstance(prune, Prune) and isinstance(train, Train)
        assert prune.ties == "activation-study" and prune.of.point == "best"
        assert not train.recipe.hold and train.recipe.pick == "test"
    assert first_order["prune"].params == "all" and magnitude["prune"].params == "weights"
    streams = [nodes["train"].recipe.stream for nodes in (magnitude, first_order)]
    assert [stream.scoring_batch for stream in streams] == [0, 64]
    assert {stream.drawn_before for stream in streams} == {545_098}


def test_the_ladder_has_its_own_number_of_seeds():
    found = study(protocols=("as-published", "ladder"), seeds=3, ladder_seeds=2, activations=("tanh",))
    assert {row.labels["seed"] for row in rows(found, protocol=ladder()[0].name)} == {42, 43}
    assert {row.labels["seed"] for row in rows(found, protocol="as-published")} == {42, 43, 44}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sparsities": (1.0,)}, "below 1, as 1 would keep nothing"),
        ({"sparsities": (-0.1,)}, "sparsity -0.1"),
        ({"protocols": ("laddr",)}, "Did you mean 'ladder'"),
        ({"activations": ("tahn",)}, "Did you mean 'tanh'"),
        ({"pruned_epochs": 0}, "pruned_epochs is 0"),
    ],
)
def test_options_out_of_their_range_are_refused(options, says):
    with pytest.raises(UsageError, match=says):
        Options(**options)
