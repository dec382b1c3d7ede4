"""One pruned network in the layouts in which other libraries save it, for tests to read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import prune

from lotterylab import masks
from lotterylab.types import Mask

WEIGHTS = ("0.weight", "3.weight", "5.weight")


def network() -> nn.Sequential:
    """Convolutions, a norm and a linear layer, with trained-looking statistics."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten())
    module.append(nn.Linear(8 * 4 * 4, 10))
    module.train()(torch.randn(16, 3, 8, 8))
    return module.eval()


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """A network before and after pruning, and its mask."""

    dense: dict[str, Tensor]
    state: dict[str, Tensor]
    mask: Mask

    @classmethod
    def made(cls, sparsity: float = 0.8) -> Pruned:
        """Global magnitude pruning of ``network()``."""
        from lotterylab.masks.select import select
        from lotterylab.types import Scores

        dense = {name: tensor.clone() for name, tensor in network().state_dict().items()}
        mask = select(Scores({name: dense[name].abs() for name in WEIGHTS}), sparsity)
        return cls(dense=dense, state=dict(masks.masked(dense, mask)), mask=mask)  # type: ignore[arg-type]


def hugging_face(pruned: Pruned, folder: Path) -> None:
    """model.safetensors beside config.json."""
    save_file(pruned.state, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps({"model_type": "own"}))


def lightning(pruned: Pruned, folder: Path) -> None:
    """A checkpoint of a LightningModule with the network as ``self.net``."""
    optimizer = {"state": {0: {"exp_avg": torch.zeros(8, 3, 3, 3)}}, "param_groups": [{"lr": 0.1}]}
    content = {
        "epoch": 3,
        "global_step": 99,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": {f"net.{name}": tensor for name, tensor in pruned.state.items()},
        "loops": {},
        "callbacks": {},
        "optimizer_states": [optimizer],
        "lr_schedulers": [],
    }
    torch.save(content, folder / "epoch=3-step=99.ckpt")


def plain(pruned: Pruned, folder: Path) -> None:
    """A training script's checkpoint of a network in DataParallel."""
    content = {"model": {f"module.{name}": tensor for name, tensor in pruned.state.items()}, "acc": torch.tensor(0.9)}
    torch.save({**content, "epoch": 3, "rng": torch.get_rng_state()}, folder / "checkpoint.pth")


def torch_prune(pruned: Pruned, folder: Path) -> None:
    """The state of a module with ``torch.nn.utils.prune``: the weights as they were, and masks."""
    module = network()
    for name in WEIGHTS:
        layer = module[int(name[0])]
        prune.custom_from_mask(layer, "weight", pruned.mask[name])
    torch.save(module.state_dict(), folder / "pruned.pt")


def nncf(pruned: Pruned, folder: Path) -> None:
    """The state of a module with the hooks of ``nncf.prune``, as NNCF 3 names them."""
    hooks = {
        f"__nncf_hooks.post_hooks.{name.replace('.', ':')}__0.0.binary_mask": pruned.mask[name] for name in WEIGHTS
    }
    torch.save({"model_state_dict": {**pruned.dense, **hooks}, "nncf_config": {"a": 1}}, folder / "nncf_checkpoint.pth")


def nni(pruned: Pruned, folder: Path) -> None:
    """The two files of NNI: the network, and nested masks with one of ones for each bias."""
    torch.save(pruned.state, folder / "model.pth")
    content: dict[str, dict[str, Tensor | None]] = {
        name.removesuffix(".weight"): {
            "weight": pruned.mask[name].float(),
            "bias": torch.ones(len(pruned.mask[name])),
            "_output_": None,
        }
        for name in WEIGHTS
    }
    torch.save(content, folder / "mask.pth")


LAYOUTS: dict[str, Callable[[Pruned, Path], None]] = {
    "Hugging Face": hugging_face,
    "Lightning": lightning,
    "plain PyTorch": plain,
    "torch.nn.utils.prune": torch_prune,
    "NNCF": nncf,
    "NNI": nni,
}
