"""status, diff, cite, list, completion and JSON: what they say, and that they need no torch."""

import json
import shlex
import subprocess
import sys

import pytest

from lotterylab.asking.catalogue import STUDIES
from lotterylab.commands.main import COMMANDS, main
from lotterylab.engine.store import Store

TINY = shlex.split(
    "activations --preset small --seeds 1 --activations sigmoid --sparsities 0.9 --dense-epochs 2 --pruned-epochs 1 "
    "--rates 0.03 --protocols corrected --methods magnitude random --controls none --model.widths 4 4 8"
)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A store with one tiny study in it."""
    folder = tmp_path_factory.mktemp("small") / "store"
    assert main(["run", *TINY, "--store", str(folder), "--workers", "1", "--progress", "none"]) == 0
    return folder


@pytest.fixture
def call(ran, capsys):
    def call(*words):
        capsys.readouterr()
        code = main([*words, "--store", str(ran)])
        return code, capsys.readouterr().out

    return call


def test_the_table_and_the_plan_as_json(call):
    code, out = call("table", *TINY, "--json")
    table = json.loads(out)
    assert code == 0
    assert [row["labels"]["method"] for row in table["rows"]] == ["dense", "magnitude", "random"]
    assert table["rows"][1]["metrics"]["prune"]["reached"] == pytest.approx(0.9, abs=1e-3)
    plan = json.loads(call("plan", *TINY, "--json")[1])
    assert plan["tasks_left"] == 0 and len(plan["runs"]) == 3
    assert {run["digest"] for run in plan["runs"]} == {row["digests"]["train"] for row in table["rows"]}


def test_status_tells_done_begun_and_failed(call, ran):
    assert "3 of 3 trainings finished; no process computes" in call("status", *TINY)[1]
    more = [*TINY, "--first-seed", "50"]
    store = Store(ran)
    digests = [run["digest"] for run in json.loads(call("plan", *more, "--json")[1])["runs"]]
    steps = 2 * -(-1197 // 64)
    store.save_partial(digests[0], {}, {"step": steps // 2})
    store.remember_failure(digests[1], "ValueError: of a kind", "trace")
    code, out = call("status", *more)
    assert code == 0
    assert "begun: corrected sigmoid dense seed 50, 50 %" in out
    assert "ValueError: of a kind" in out and "run --failed" in out
    state = json.loads(call("status", *more, "--json")[1])
    assert state["done"] == 0 and state["runs"] == 3 and state["seconds_left"] is None  # nothing of it has run
    assert sum(group["runs"] for group in state["groups"]) == 3
    with store.lock():
        assert "process" in json.loads(call("status", *more, "--json")[1])["computing"]
    store.drop_partial(digests[0])
    (ran / "failed" / digests[1]).unlink()


def test_the_trials_of_a_rate_are_counted_before_they_are_done_and_after(ran, capsys):
    """The whole does not shrink as they finish, and its parts make it up."""
    words = ["status", *TINY, "--rates", "0.01", "0.03", "--json", "--store", str(ran)]
    states = []
    for _ in range(2):
        assert main(words) == 0
        states.append(json.loads(capsys.readouterr().out))
        assert main(["run", *words[1:-3], "--store", str(ran), "--workers", "1", "--progress", "none"]) == 0
        capsys.readouterr()
    before, after = states
    assert before["runs"] == after["runs"] == after["done"] > before["done"]
    for state in states:
        assert sum(group["runs"] for group in state["groups"]) == state["runs"]
        assert sum(group["done"] for group in state["groups"]) == state["done"]
    assert [group["seed"] for group in after["groups"]] == [42, None]


def test_watching_a_finished_study_ends(call):
    code, out = call("status", *TINY, "--watch", "--every", "0.01")
    assert code == 0 and out.count("trainings finished") == 1


def test_diff_shows_settings_numbers_and_facts(call):
    rows = json.loads(call("table", *TINY, "--json")[1])["rows"]
    a, b = (row["digests"]["prune"] for row in rows[1:])
    code, out = call("diff", a[:14], b[:14])
    assert code == 0
    assert "criterion.is" in out and "Magnitude" in out and "Random" in out
    assert "mask_digest" in out
    same = json.loads(call("diff", a[:14], a, "--json")[1])
    assert same["settings"] == same["numbers"] == same["facts"] == {}


def test_a_digest_that_is_not_one_is_refused(ran, capsys):
    assert main(["diff", "zz", "zz", "--store", str(ran)]) == 2
    assert "none begins so" in capsys.readouterr().err
    assert main(["diff", "*", "*", "--store", str(ran)]) == 2


@pytest.mark.parametrize("study", [name for name in STUDIES if name != "activations"])
def test_cite_needs_no_data(study, capsys, monkeypatch):
    monkeypatch.delenv("LOTTERYLAB_DATA", raising=False)
    assert main(["cite", study, "--size", "quick"]) == 0
    assert capsys.readouterr().out.startswith("@")
    assert main(["cite", study, "--size", "quick", "--data-dir", "/nowhere"]) == 0


def test_cite_prints_the_papers_of_what_is_planned(capsys):
    assert main(["cite", *TINY]) == 0
    out = capsys.readouterr().out
    assert "@inproceedings{frankle2019lottery," in out
    assert "lee2019snip" not in out  # SNIP was not asked for
    assert out.count("{") == out.count("}")


@pytest.mark.parametrize("what", ["methods", "interventions", "models", "data", "studies"])
def test_list_says_what_there_is(what, capsys):
    assert main(["list", what]) == 0
    text = capsys.readouterr().out
    assert main(["list", what, "--json"]) == 0
    for entry in json.loads(capsys.readouterr().out):
        assert entry["name"] in text and len(entry["says"]) > 20
        assert entry["example"].startswith(
            ("lotterylab", "Recipe(during=(") if what == "interventions" else "lotterylab"
        )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_commands_studies_and_options(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in (*COMMANDS, "activations", "sparsities", "ledger"):
        assert word in script


def test_bash_completes(capsys, tmp_path):
    main(["completion", "bash"])
    script = capsys.readouterr().out
    asked = (
        'COMP_WORDS=(lotterylab run activations --spars); COMP_CWORD=3; _lotterylab; echo "${COMPREPLY[@]}";'
        'COMP_WORDS=(lotterylab pl); COMP_CWORD=1; _lotterylab; echo "${COMPREPLY[@]}";'
        'COMP_WORDS=(lotterylab list meth); COMP_CWORD=2; _lotterylab; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script + asked], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["--sparsities", "plan", "methods"]


@pytest.mark.parametrize(
    "words",
    [("table", *TINY), ("status", *TINY), ("report", *TINY), ("list", "methods"), ("list", "studies"), ("cite", *TINY)],
)
def test_those_who_only_look_import_no_torch(words, ran, tmp_path):
    extra = ["--store", str(ran)] if words[0] not in ("list", "cite") else []
    extra += ["--out", str(tmp_path / "page")] if words[0] == "report" else []
    script = (
        "import sys; from lotterylab.commands.main import main\n"
        f"code = main({[*words, *extra]!r}); assert 'torch' not in sys.modules; raise SystemExit(code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_failed_tasks_are_tried_again_alone(ran, capsys):
    store = Store(ran)
    words = [*TINY, "--first-seed", "60", "--store", str(ran)]
    assert main(["run", *words, "--failed", "--progress", "none"]) == 0
    assert "No task of this study has failed." in capsys.readouterr().err
    main(["plan", *words, "--json"])
    dense = json.loads(capsys.readouterr().out)["runs"][0]["digest"]
    store.remember_failure(dense, "RuntimeError: once", "trace")
    assert main(["run", *words, "--failed", "--workers", "1", "--progress", "none"]) == 0
    assert dense in store and not store.failures()
    capsys.readouterr()
    main(["plan", *words, "--json"])
    assert [run["done"] for run in json.loads(capsys.readouterr().out)["runs"]] == [True, False, False]


WRONG = {
    "a value twice": (["plan", *TINY, "--sparsities", "0.5", "0.5"], "sparsities names 0.5 twice"),
    "nothing in a list": (["plan", *TINY, "--rates"], "rates names nothing"),
    "a rate of 0": (["plan", *TINY, "--rates", "0"], "rates is 0; it has to be above 0"),
    "no validation": (["plan", *TINY, "--rates", "0.1", "0.3", "--validation", "0"], "validation is 0"),
    "a pattern's share": (["plan", *TINY, "--granularity", "2:4"], "granularity '2:4' removes 1/2"),
    "no validation, one rate": (
        ["plan", *TINY, "--rates", "0.1", "--validation", "0"],
        "0, but corrected",
    ),
    "a pattern in rounds": (
        ["plan", *TINY, "--granularity", "2:4", "--sparsities", "0.5", "--methods", "synflow"],
        "Methods with one cut: magnitude",
    ),
    "a scope that cannot": (
        ["plan", *TINY, "--scope", "uniform", "--sparsities", "0.9999"],
        "scope 'uniform' leaves the first tensor",
    ),
    "no such device": (["plan", *TINY, "--device", "foo"], "--device foo: there is no such device here"),
    "rounds of 0": (["plan", "lth-mnist", "--rounds", "0"], "rounds is 0; it has to be above 0"),
    "no ledger": (["table", *TINY, "--ledger", "nowhere.jsonl"], "no ledger nowhere.jsonl"),
    "a ledger that is a folder": (["plan", *TINY, "--ledger", "."], ". is not a ledger"),
    "no digest": (["diff", "/x", "y"], "none begins so"),
}


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_said_in_one_line_before_anything_starts(words, said, ran, capsys):
    assert main([*words, "--store", str(ran)]) == 2
    err = capsys.readouterr().err
    assert said in err and "Traceback" not in err


@pytest.mark.parametrize("command", ["table", "report", "checkpoints", "verify"])
def test_a_store_that_is_not_there_is_not_said_to_be_well(command, tmp_path, capsys):
    words = [] if command == "verify" else TINY
    out = ["--out", str(tmp_path / "out")] if command == "checkpoints" else []
    assert main([command, *words, *out, "--store", str(tmp_path / "typo")]) == 2
    assert f"no store {tmp_path / 'typo'}" in capsys.readouterr().err and not (tmp_path / "typo").exists()


def test_a_file_in_the_place_of_the_store_is_named(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["run", *TINY, "--store", str(tmp_path / "file"), "--progress", "none"]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_the_small_preset_is_for_other_models_too(tmp_path, capsys):
    words = ["plan", "activations", "--preset", "small", "--model", "lenet-300-100", "--store", str(tmp_path / "none")]
    assert main(words) == 0
    assert "The study differs from preset full: seeds 3 instead of 5" in capsys.readouterr().out
