"""What was tracked is read back by the tracker's own reader."""

from __future__ import annotations

import glob
import shlex
import sqlite3
from pathlib import Path

import pytest

from lotterylab.commands.main import main
from lotterylab.engine.records import Record
from lotterylab.engine.results import Result
from lotterylab.errors import UsageError
from lotterylab.tracking import TRACKERS, track, tracker
from lotterylab.tracking.runs import TrackedRun, needed, tracked

RUN = TrackedRun(
    name="corrected relu magnitude 0.9 seed/42",
    group="activations",
    digest="ab" * 32,
    settings={"activation": "relu", "sparsity": 0.9, "seed": 42},
    curves={"train_loss": (2.0, None, 1.0), "test_accuracy": (0.25, 0.5)},
    summary={"train.test_accuracy": 0.5},
)


def test_results_become_runs_each_once():
    record = Record(
        digest="cd" * 32,
        kind="Train",
        metrics={"test_accuracy": 0.5, "picked": "", "curves": {"train_loss": [1.0, None], "best_epoch": 2}},
        facts={"torch": "2", "nested": {}},
        spec={"recipe": {"epochs": 3, "optimizer": {"momentum": 0.9}}, "start": {"node": "ab"}, "keep": []},
    )
    labels = {"protocol": "corrected", "activation": "relu", "control": "", "sparsity": 0.5, "seed": 42}
    twice = [Result(labels=labels, records={"train": record}), Result(labels={"seed": 1}, records={"train": record})]
    (run,) = tracked("activations", [*twice, Result(labels=labels, records={})])
    assert run.name == "corrected relu 0.5 42" and run.curves == {"train_loss": (1.0, None)}
    assert run.summary == {"train.test_accuracy": 0.5} and run.settings["torch"] == "2"
    assert run.settings["recipe.epochs"] == 3 and run.settings["recipe.optimizer.momentum"] == 0.9


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_tensorboard_reads_curves_numbers_and_settings(tmp_path):
    pytest.importorskip("tensorboard", reason="needs the extra: pip install 'lotterylab[tensorboard]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert track([RUN], ["tensorboard"], tmp_path) == 1
    assert track([RUN], ["tensorboard"], tmp_path) == 0, "no run is written twice"
    (folder,) = [path for path in (tmp_path / "tensorboard").iterdir() if path.is_dir()]
    events = EventAccumulator(str(folder)).Reload()
    assert [(one.step, one.value) for one in events.Scalars("train_loss")] == [(1, 2.0), (3, 1.0)]
    assert [(one.step, one.value) for one in events.Scalars("test_accuracy")] == [(1, 0.25), (2, 0.5)]
    assert events.Scalars("summary/train.test_accuracy")[0].value == 0.5
    text = events.Tensors("settings/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "|activation|relu|" in text and RUN.digest in text


@pytest.mark.nightly
def test_wandb_keeps_an_offline_run(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="needs the extra: pip install 'lotterylab[wandb]'")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert track([RUN], ["wandb"], tmp_path) == 1
    (file,) = glob.glob(str(tmp_path / "wandb" / "wandb" / "offline-run-*" / "*.wandb"))
    content = Path(file).read_bytes()
    for word in (b"train_loss", b"corrected relu magnitude", b"ab" * 16, b"test_accuracy"):
        assert word in content


@pytest.mark.nightly
@pytest.mark.filterwarnings("default")  # its own database code uses what its database library has deprecated
def test_mlflow_s_database_has_the_run(tmp_path, monkeypatch):
    pytest.importorskip("mlflow", reason="needs the extra: pip install 'lotterylab[mlflow]'")
    monkeypatch.chdir(tmp_path)
    assert track([RUN], ["mlflow"], tmp_path) == 1
    with sqlite3.connect(tmp_path / "mlflow" / "mlflow.db") as database:
        curves = database.execute("select key, step, value from metrics where key = 'train_loss' order by step")
        assert curves.fetchall() == [("train_loss", 1, 2.0), ("train_loss", 3, 1.0)]
        assert ("activation", "relu") in database.execute("select key, value from params").fetchall()
        assert database.execute("select status from runs").fetchall() == [("FINISHED",)]


def test_what_is_missing_or_misspelt_is_said(tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'tensorboard'"):
        tracker("tensorbord", tmp_path)
    with pytest.raises(UsageError, match=r"pip install 'lotterylab\[wandb\]'"):
        needed("no_such_package.inside", "wandb")
    assert list(TRACKERS) == ["tensorboard", "wandb", "mlflow"]
    assert main(["run", "activations", "--store", str(tmp_path / "store"), "--track", "tensorbord"]) == 2
    assert not (tmp_path / "store" / "runs").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_the_flag_of_run(tmp_path):
    pytest.importorskip("tensorboard", reason="needs the extra: pip install 'lotterylab[tensorboard]'")
    words = shlex.split(
        "run activations --preset small --seeds 1 --activations relu --sparsities 0.9 --dense-epochs 1 "
        "--pruned-epochs 1 --rates 0.03 --protocols corrected --methods random --controls none "
        "--model.widths 4 4 8 --progress none --workers 1 --track tensorboard"
    )
    assert main([*words, "--store", str(tmp_path)]) == 0
    assert len([path for path in (tmp_path / "tracking" / "tensorboard").iterdir() if path.is_dir()]) == 2
