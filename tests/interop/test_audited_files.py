"""Files that Hugging Face, Lightning and the Trainer write are audited as they are."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import lotterylab as ll
from lotterylab.auditing import audit_folder, audit_pair

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*litlogger.*", "ignore::ResourceWarning"),
]


def pruned(module: nn.Module, sparsity: float) -> tuple[dict, int, int]:
    """The mask, applied to the module, and its removed and all entries."""
    mask = ll.prune(module, ll.criteria.Magnitude(), sparsity)
    ll.apply(module, mask)
    return mask, sum(int((~kept).sum()) for kept in mask.values()), sum(kept.numel() for kept in mask.values())


@pytest.fixture
def bert():
    transformers = pytest.importorskip("transformers", reason="reads what transformers writes")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    return transformers.BertModel(transformers.BertConfig(vocab_size=50, max_position_embeddings=20, **sizes))


@pytest.mark.parametrize("shard", ["5GB", "10KB"])
def test_save_pretrained_is_read_whole_or_in_shards(tmp_path, bert, shard):
    bert.save_pretrained(tmp_path / "dense")
    _, removed, entries = pruned(bert, 0.6)
    bert.save_pretrained(tmp_path / "pruned", max_shard_size=shard)
    assert (len(list((tmp_path / "pruned").glob("*.safetensors"))) > 1) == (shard == "10KB")
    (report,) = audit_folder(tmp_path / "pruned", requested=0.6)
    assert [alarm.code for alarm in report.alarms if alarm.severity == "fault"] == []
    assert report.facts["removed"] == removed and report.facts["entries"] >= entries
    (report,) = audit_pair(tmp_path / "dense", tmp_path / "pruned", requested=0.6)
    assert report.facts["rule"].startswith("magnitude of 'dense', over all layers, counted as lotterylab")


def test_a_checkpoint_of_lightning_is_the_network_without_its_attribute(tmp_path):
    lightning = pytest.importorskip("lightning", reason="reads what Lightning writes")

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4))

        def training_step(self, batch, index):
            return nn.functional.mse_loss(self.network(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters())

    torch.manual_seed(0)
    module = Module()
    _, removed, entries = pruned(module.network, 0.5)
    data = torch.utils.data.TensorDataset(torch.randn(16, 8), torch.randn(16, 4))
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    start = {name: tensor.clone() for name, tensor in module.network.state_dict().items()}
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=8))
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    torch.save(start, tmp_path / "start.pt")
    (report,) = audit_folder(tmp_path, requested=0.5)
    assert [alarm.code for alarm in report.alarms] == ["moved", "mask-inferred"], "nobody held the mask"
    assert (report.facts["removed"], report.facts["entries"]) == (removed, entries)
    assert "below 'state_dict.network.'" in report.facts["judged"]["end"]
