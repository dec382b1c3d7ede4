"""The command: what a person types, what comes back, and with which exit code."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lotterylab.commands.main import main
from lotterylab.engine import ledger


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("LOTTERYLAB_DATA", raising=False)
    monkeypatch.setenv("LOTTERYLAB_STORE", str(tmp_path / "store"))

    def call(*words):
        try:
            code = main(words)
        except SystemExit as end:  # of --help and --print-config
            code = end.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


WRONG = [
    (("rnu", "activations"), "Did you mean 'run'?"),
    (("run", "activtions"), "Did you mean 'activations'?"),
    (("run", "activations", "--sparsities", "1.5"), "sparsity 1.5"),
    (("run", "activations", "--sedes", "3"), "--seeds"),
    (("run", "activations", "--seeds", "0"), "seeds is 0"),
    (("run", "activations", "--protocols", "as-publised"), "Did you mean 'as-published'?"),
    (("run", "activations", "--activations", "sigmiod"), "Did you mean 'sigmoid'?"),
    (("run", "activations", "--data", "cifar10"), "LOTTERYLAB_DATA"),
    (("run", "activations", "--data", "cifar10", "--data-dir", "/nowhere"), "/nowhere"),
    (("run", "activations", "--train", "2000"), "1797"),
    (("run", "activations", "--crop-padding", "8"), "at most 7"),
    (("run", "activations", "--scoring-images", "120"), "at most 119"),
    (("run", "activations", "--protocols", "as-published", "--methods", "snip"), "Add corrected"),
    (("run", "activations", "--workers", "0"), "workers is 0"),
    (("audit", "/nowhere"), "/nowhere"),
    (("run",), "Studies: activations"),
]


@pytest.mark.parametrize(("words", "hint"), WRONG, ids=[" ".join(words) for words, _ in WRONG])
def test_wrong_usage_is_one_message_exit_2_and_starts_nothing(call, tmp_path, words, hint):
    code, out, err = call(*words)
    assert code == 2
    assert hint in out + err
    assert "Traceback" not in err
    assert not (tmp_path / "store" / "runs").exists()


def test_a_truncated_data_file_is_named_before_any_training(call, tmp_path):
    folder = tmp_path / "cifar10"
    folder.mkdir()
    for name in ("data_batch_1.bin", "test_batch.bin"):
        (folder / name).write_bytes(bytes(3073 * 10 + 5))
    words = ("--data", "cifar10", "--data-dir", str(tmp_path), "--train", "20", "--validation", "0", "--test", "10")
    code, _, err = call("run", "activations", *words)
    assert code == 2
    assert "data_batch_1.bin" in err and "Traceback" not in err


def test_help_names_every_command_and_imports_no_torch():
    script = (
        "import sys; from lotterylab.commands.main import main; main(['--help']); "
        "assert not {'torch', 'numpy', 'argparse'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    for command in ("plan", "run", "table", "report", "checkpoints", "audit", "verify"):
        assert f"lotterylab {command}" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


TINY = ("activations", "--preset", "small", "--seeds", "1", "--activations", "sigmoid", "--sparsities", "0.9")
SHORT = (
    "--dense-epochs",
    "2",
    "--pruned-epochs",
    "1",
    "--rates",
    "0.03",
    "0.1",
    "--protocols",
    "as-published",
    "corrected",
)


def of_elsewhere(book: Path) -> None:
    """Let one training of the ledger be that of another machine, with another outcome."""
    first, *others = sorted(ledger.read(book), key=lambda one: one.kind != "Train")
    metrics = {**first.metrics, "test_accuracy": first.metrics["test_accuracy"] + 0.25}
    first = replace(first, facts={**first.facts, "processor": "another"}, metrics=metrics)
    book.write_text("".join(f"{one.line()}\n" for one in (first, *others)))


def test_a_study_is_planned_run_shown_and_audited(call, tmp_path):
    code, planned, _ = call("plan", *TINY, *SHORT)
    assert code == 0
    assert "  1. as-published | sigmoid: dense, 1 x 2 epochs (to run)" in planned
    assert "About" in planned and "here with" in planned

    book = str(tmp_path / "ledger.jsonl")
    code, ran, err = call("run", *TINY, *SHORT, "--workers", "2", "--progress", "plain", "--ledger", book)
    assert code == 0
    priced, begun = err.index("To train: "), err.index("0%, 0 of ")
    assert priced < err.index("About ") < begun, "what it costs is said before it begins"
    assert "seeds 3 instead of 5" not in err  # the seeds were asked for
    code, shown, _ = call("table", *TINY, *SHORT)
    assert code == 0 and ran.strip().splitlines()[0] in shown
    assert "magnitude" in shown and "Alarms: " in shown and " x moved, first: as-published" in shown

    code, planned, _ = call("plan", *TINY, *SHORT)
    assert "Nothing is left to train" in planned
    code, planned, _ = call("plan", *TINY, *SHORT, "--store", str(tmp_path / "elsewhere"), "--known", book)
    assert code == 0 and "Nothing is left to train" in planned
    code, _, err = call("plan", *TINY, *SHORT, "--known", book, f"{book}x")
    assert code == 2 and f"no ledger {book}x" in err

    of_elsewhere(Path(book))
    code, _, err = call("run", *TINY, *SHORT, "--ledger", book)
    assert code == 0 and f"1 result of {book} came out differently when run again here for the tensors (in test" in err
    assert "by 0.2500 at the most). 1 comes from another machine or torch: the ledger keeps its numbers" in err

    folder = tmp_path / "checkpoints"
    assert call("checkpoints", *TINY, *SHORT, "--out", str(folder))[0] == 0
    code, published, _ = call("audit", str(folder / "as-published"))
    assert code == 3
    for fault in ("reached-is-not-requested", "moved", "selection-on-test", "scored-on-trained", "different-order"):
        assert fault in published
    faults = [line for line in call("audit", str(folder / "corrected"))[1].splitlines() if line.startswith("FAULT")]
    short = [line for line in faults if "never-left-chance" in line]  # one epoch is too short to learn
    by_sign = [line for line in faults if "one-sign" in line and "/first-order-" in line]  # that is what it does
    assert len(short) + len(by_sign) == len(faults), faults

    code, page, _ = call("report", *TINY, *SHORT)
    assert code == 0 and page.strip().endswith("index.html")
    assert call("verify")[:2] == (0, "All blobs and manifests are whole.\n")


def test_a_command_that_looks_leaves_the_search_for_garbage_as_it_was(tmp_path):
    import gc

    for enabled in (True, False):
        (gc.enable if enabled else gc.disable)()
        try:
            assert main(["status", "activations", "--seeds", "1", "--store", str(tmp_path / "none")]) == 0
            assert gc.isenabled() == enabled and gc.get_freeze_count() == 0
        finally:
            gc.enable()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (
            ("list", "methdos"),
            "one of methods, interventions, gates, models, data, studies, activations, inits. Did you mean 'methods'",
        ),
        (("plan", "lth-mnist", "--size", "papr"), "Did you mean 'paper'?"),
        (("diff", "a"), "B is needed"),
        (("plan", "activations", "--seeds"), "--seeds: expected one argument"),
        (("plan", "activations", "more"), "'more' does not belong to an option"),
    ],
)
def test_a_wrong_word_is_told_what_belongs_there(call, words, hint):
    code, out, err = call(*words)
    assert code == 2 and hint in err and not out
