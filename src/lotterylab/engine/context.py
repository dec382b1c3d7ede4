"""The context of a rule: the store, the values of nodes, the data, and a callback for progress."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lotterylab.calling.exact_norms import has_running_statistics
from lotterylab.data.loader import Loader
from lotterylab.engine.at_hand import AtHand
from lotterylab.engine.datasets import Datasets
from lotterylab.engine.records import Record
from lotterylab.engine.store import Store
from lotterylab.errors import UsageError, a_type
from lotterylab.gates import without_gates
from lotterylab.interventions.filters import logs
from lotterylab.masks import algebra
from lotterylab.network import channels_last_is_safe
from lotterylab.plan.digest import encode
from lotterylab.plan.nodes import (
    At,
    Choose,
    Combine,
    Data,
    Init,
    MaskOf,
    Node,
    Permute,
    ResetsOf,
    Train,
    model_of,
)
from lotterylab.plan.user_nodes import UserTrain
from lotterylab.protocols import Model
from lotterylab.types import Dataset, Mask, State

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(kw_only=True)
class Context:
    """The store and settings with which tasks are computed.

    Args:
        fast: use the channels-last layout and pooling before a monotone activation, if the model allows them.
        device: the device of trainings; states and masks are read, scored and measured on the CPU.
        study_facts: facts that each result gets, by name: the study, and the digest of its claims.
        walked: digests of the nodes whose references to a user's code were looked up.
    """

    store: Store
    data_dir: Path | None = None
    fast: bool = True
    device: str = "cpu"
    save_every_seconds: float = 20.0
    study_facts: Mapping[str, str] = field(default_factory=dict)
    progress: Callable[[Node, int, int], None] = lambda node, epoch, epochs: None
    stopping: Callable[[], bool] = lambda: False
    walked: set[str] = field(default_factory=set)
    beat: Callable[[], object] = lambda: None  # called for each batch
    at_hand: AtHand = field(default_factory=AtHand)
    _paths: dict[str, str] = field(default_factory=dict)
    _devices: dict[str, str] = field(default_factory=dict)

    def record(self, node: Node) -> Record:
        """Return the record of a finished node."""
        record = self.store.record(node.digest)
        if record is None:
            raise LookupError(f"{type(node).__name__} {node.digest[:12]} is not computed yet")
        return record

    def metric(self, node: Node, name: str) -> float:
        """Return one number of a finished run."""
        return self.record(node).metrics[name]

    def state(self, node: Node) -> State:
        """Return the value of a node that is a state."""
        match node:
            case Init() | Permute() | Combine():
                return cast(State, self.store.get(self.record(node).blobs["state"]))
            case At(run=run, begins=True):
                return algebra.masked(self.state(run.start), self.mask(run.mask), self.frozen(run))
            case At(run=run, point=str(point)):
                return cast(State, self.store.get(_made(self.record(run), point, point)))
            case At():
                return without_gates(self.store.get(self.record(node).blobs["state"]))
        raise TypeError(f"{a_type(node)} is not a state")

    def frozen(self, run: Train | UserTrain) -> State | None:
        """Return the state at whose values a training holds what its mask removes; None for 0."""
        node = getattr(run, "frozen", None)  # a user's own training has none
        return None if node is None else self.state(node)

    def mask(self, node: Node) -> Mask:
        """Return the value of a node that is a mask."""
        if not isinstance(node, MaskOf):
            return cast(Mask, self.store.get(self.record(node).blobs["mask"]))
        if isinstance(node.of, At) and node.of.begins:
            return self.mask(node.run.mask)
        step = isinstance(node.of, At) and node.of.step is not None
        record, part = self.record(node.of if step else node.run), mask_part(node.name)
        if not node.name and part not in record.blobs:  # no intervention changed the mask that is held
            return self.mask(node.run.mask)
        return cast(Mask, self.store.get(_made(record, part, node.name)))

    def value(self, node: Node) -> State | Mask:
        """Return the value of a node that is a state or a mask."""
        return self.mask(node) if node.is_mask else self.state(node)

    def models(self, of: Mapping[str, Node]) -> dict[str, Model]:
        """Return the model spec of each named node."""
        return {name: model_of(node) for name, node in of.items()}

    def module(self, run: Train) -> nn.Module:
        """Return the whole network of a training, built once for the training at hand; nothing reads its tensors."""
        return self.at_hand.once("module", run.digest, lambda: run.model.build(pool_first=self.fast))

    def resolve(self, spec: Any) -> Any:
        """Return ``spec`` with each ``Choose`` in it replaced by the chosen value, and ``ResetsOf`` by the resets."""
        if isinstance(spec, Choose):
            return self.record(spec).metrics["value"]
        if isinstance(spec, ResetsOf):
            carry = self.store.get(self.record(spec.run).blobs["carry"])
            return {layer: counts for layer, log in logs(carry).items() if (counts := _counts(log))}
        if isinstance(spec, tuple):
            values = tuple(map(self.resolve, spec))
            return values if any(value is not old for value, old in zip(values, spec, strict=True)) else spec
        if isinstance(spec, Node) or not dataclasses.is_dataclass(spec) or isinstance(spec, type):
            return spec
        fields = {entry.name: getattr(spec, entry.name) for entry in dataclasses.fields(spec)}
        resolved = {name: self.resolve(value) for name, value in fields.items()}
        changed = {name: value for name, value in resolved.items() if value is not fields[name]}
        return dataclasses.replace(spec, **changed) if changed else spec

    def dataset(self, data: Data) -> Dataset:
        """Return the data; those that were used last are held.

        Raises:
            UsageError: the content differs from the content in the plan.
        """
        return self._datasets.of(data)

    @cached_property
    def _datasets(self) -> Datasets:
        return Datasets(self.data_dir)

    def loader(self, data: Data, recipe: Any, order_seed: int) -> Loader:
        """Return a loader of batches as the recipe asks for them."""
        return _BeatingLoader(
            self.beat,
            self.dataset(data).to(self.device),
            augment=recipe.augment,
            stream=recipe.stream,
            seed=order_seed,
            batch_size=recipe.batch_size,
        )

    def device_of(self, node: Node) -> str:
        """Return the device of a node: ``device`` for a training, its network's for a user's own, else the CPU."""
        run = node.run if isinstance(node, At) else node
        if not isinstance(run, UserTrain):
            return self.loop_device_of(node)
        key = encode(run.model)
        if key not in self._devices:  # cached, because it builds the module
            self._devices[key] = str(next(run.model.build().parameters()).device)
        return self._devices[key]

    def loop_device_of(self, node: Node) -> str:
        """Return the device on which the engine's own loop trains a node; "cpu" for every other task."""
        run = node.run if isinstance(node, At) else node
        return self.device if isinstance(run, Train) and not isinstance(run, UserTrain) else "cpu"

    def path_name(self, model: Model) -> str:
        """Return the execution path of the trainings of a model whose network is not shrunk."""
        if not self.fast:
            return "plain"
        key = encode(model)
        if key not in self._paths:  # cached, because it builds the module
            self._paths[key] = fast_path(model)
        return self._paths[key]


def _counts(log: Tensor) -> tuple[tuple[int, int], ...]:
    """Return (step, filters) for each step of a log of draws, int64 (draws, 2)."""
    return tuple(sorted(Counter(log[:, 0].tolist()).items()))


def mask_part(name: str) -> str:
    """Return the name under which a record holds a mask that interventions made; "" is the held one."""
    return f"mask:{name}" if name else "mask"


class _BeatingLoader(Loader):
    """A loader that calls ``beat`` for each trained or evaluated batch, as a sign of progress."""

    def __init__(self, beat: Callable[[], object], dataset: Dataset, **options: Any) -> None:
        super().__init__(dataset, **options)
        self._beat = beat

    def alive(self) -> None:
        """Call ``beat``."""
        self._beat()


def fast_path(model: Model) -> str:
    """Return the fastest execution path that the model allows, in words."""
    module = model.build()
    parts = ["channels-last"] if channels_last_is_safe(module) else []
    parts += ["exact norms"] if parts and has_running_statistics(dict(module.named_buffers())) else []
    parts += ["pool-first"] if getattr(model, "pool_first_is_exact", False) else []
    return ", ".join(parts) or "plain"


def _made(record: Record, part: str, name: str) -> str:
    """Return the blob of a state or mask that a run made.

    Raises:
        UsageError: it made none of that name, as a run that diverged or ended too early.
    """
    if part in record.blobs:
        return record.blobs[part]
    epoch = record.metrics.get("diverged_epoch")
    why = f"it diverged in epoch {epoch}" if epoch else "its interventions kept nothing under that name up to there"
    raise UsageError(
        f"'{name}' was asked of the run {record.digest[:12]}, and {why}. Give it a lower learning rate, or leave out "
        "what needs it."
    )
