"""A mask in a LightningModule: attached when training begins, held in every step, back after a checkpoint."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import lotterylab as ll
from lotterylab import masks

lightning = pytest.importorskip("lightning", reason="needs the extra: pip install 'lotterylab[lightning]'")

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*litlogger.*", "ignore::ResourceWarning"),
]


class Classifier(lightning.LightningModule):
    def __init__(self, mask=None, wrapped=False):
        super().__init__()
        self.wrapped = wrapped
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
        self.mask, self.held, self.steps_seen = mask, None, 0

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=0.01, weight_decay=0.1)

    def on_train_start(self):
        self.held = ll.attach(self.net, self.optimizers(use_pl_optimizer=self.wrapped), self.mask)

    def training_step(self, batch, _):
        inputs, targets = batch
        return cross_entropy(self.net(inputs), targets)

    def on_train_batch_end(self, *_):
        self.held.verify()
        self.steps_seen += 1


def loader():
    draw = torch.Generator().manual_seed(1)
    data = TensorDataset(torch.randn(40, 8, generator=draw), torch.randint(3, (40,), generator=draw))
    return DataLoader(data, batch_size=8)


def trainer(tmp_path, epochs):
    return lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        gradient_clip_val=0.5,
        accumulate_grad_batches=2,
        default_root_dir=tmp_path,
    )


@pytest.mark.parametrize("wrapped", [False, True], ids=["the optimizer", "Lightning's wrapper"])
def test_a_mask_is_held_through_a_lightning_training_and_after_a_checkpoint(tmp_path, wrapped):
    module = Classifier(wrapped=wrapped)
    module.mask = ll.prune(module.net, ll.criteria.Snip(), 0.7, batch=next(iter(loader())))
    first = trainer(tmp_path, 2)
    first.fit(module, loader())
    assert module.steps_seen == 10
    first.save_checkpoint(tmp_path / "two.ckpt")
    for name, kept in module.mask.items():
        weight = module.net.get_parameter(name)
        assert not weight[~kept].any() and bool(weight[kept].all())

    again = Classifier(module.mask)
    trainer(tmp_path, 3).fit(again, loader(), ckpt_path=tmp_path / "two.ckpt", weights_only=True)
    assert again.steps_seen == 5
    straight = Classifier(module.mask)
    trainer(tmp_path, 3).fit(straight, loader())
    assert masks.digest(again.net.state_dict()) == masks.digest(straight.net.state_dict())
