"""A study's runs as a folder of checkpoints, in the layout that ``lotterylab audit`` reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from lotterylab.engine.context import Context
from lotterylab.engine.pruning import score_state
from lotterylab.engine.results import Result
from lotterylab.engine.schedule import task_inputs, tasks_behind
from lotterylab.formats.blobs import write_atomically, write_tensors
from lotterylab.masks.files import save_mask
from lotterylab.plan.nodes import At, Init, Measure, Node, Prune, Train


def write_checkpoints(results: Iterable[Result], context: Context, folder: Path) -> list[Path]:
    """Write each pruned arm that has a dense run and all its tensors in the store, and return the arms' folders.

        <folder>/<protocol>/<activation>-seed<seed>/{init,dense}.safetensors
        .../<method>[-<control>]-<sparsity>/{start,end,mask,scores,gradients}.safetensors, run.json

    ``dense`` is the state to which the arm is compared, ``end`` the arm's final state.  Scores and gradients are
    computed again.
    """
    written: list[Path] = []
    shared: set[Path] = set()
    for result in results:
        train, prune = result.nodes.get("train"), result.nodes.get("prune")
        if not (isinstance(train, Train) and isinstance(prune, Prune) and _is_here(result, context)):
            continue
        labels = result.labels
        parent = folder / str(labels["protocol"]).replace(" ", "-") / f"{labels['activation']}-seed{labels['seed']}"
        kind = "-".join(str(labels[name]).replace(" ", "-") for name in ("method", "control") if labels[name])
        arm = parent / f"{kind}-{labels['sparsity']:g}"
        arm.mkdir(parents=True, exist_ok=True)
        initial = _shared(result, context, parent, shared)
        if train.start != initial:  # a control with other initial weights
            write_tensors(arm / "init.safetensors", context.state(train.start))
        write_tensors(arm / "start.safetensors", context.state(train.at("start")))
        write_tensors(arm / "end.safetensors", context.state(train.final))
        save_mask(context.mask(train.mask), arm / "mask.safetensors")
        if train.mask is prune:
            scores, gradients = score_state(prune, context)
            write_tensors(arm / "scores.safetensors", scores)
            if gradients:
                write_tensors(arm / "gradients.safetensors", gradients)
        write_atomically(arm / "run.json", json.dumps(_facts(result, train, prune), indent=1).encode())
        written.append(arm)
    return written


def _is_here(result: Result, context: Context) -> bool:
    """Return whether the row has a dense run and the store has the tensors of all its parts."""
    if not result.complete or "distances" not in result.nodes:
        return False
    parts = [*result.nodes.values(), *task_inputs(result.nodes["distances"]), *task_inputs(result.nodes["train"])]
    tasks = {task.digest: task for part in parts for task in tasks_behind(part)}
    records = [context.store.record(digest) for digest in tasks]
    return all(record and context.store.has_blobs_of(record) for record in records)


def _shared(result: Result, context: Context, parent: Path, written: set[Path]) -> Node:
    """Write the initial and dense states, shared by the arms of one activation and seed; return the initial node."""
    distances = result.nodes["distances"]
    assert isinstance(distances, Measure)
    dense = distances.of["dense"]
    assert isinstance(dense, At)
    for name, node in (("dense", dense), ("init", dense.run.start)):
        if (path := parent / f"{name}.safetensors") not in written:  # an earlier call's file may be another run's
            write_tensors(path, context.state(node))
            written.add(path)
    return dense.run.start


def _facts(result: Result, train: Train, prune: Prune) -> dict[str, object]:
    metrics = result.records["train"].metrics
    method = str(result.labels["method"])
    return {
        # the published study calls its first-order score GraSP
        "method": "grasp, first-order" if method == "first-order" else method,
        "requested": result.labels["sparsity"],
        "accuracy": metrics["test_accuracy"],
        "train_accuracy": metrics["train_accuracy"],
        "classes": train.data.spec.classes,
        "test_images": train.data.spec.test,
        "picked": metrics["picked"],
        "test_reads": metrics["test_reads"],
        "diverged_epoch": metrics.get("diverged_epoch"),
        "scored_on": "init" if isinstance(prune.of, Init) else "trained",
        "order": train.data_order,
    }
