"""A mask in the Hugging Face Trainer, by a callback of five lines; nothing is downloaded."""

from __future__ import annotations

import pytest
import torch

import lotterylab as ll
from lotterylab import masks

transformers = pytest.importorskip("transformers", reason="needs the extra: pip install 'lotterylab[huggingface]'")
pytest.importorskip("accelerate", reason="needs the extra: pip install 'lotterylab[huggingface]'")

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")


class HoldMask(transformers.TrainerCallback):
    """Attach when training begins, whatever it begins from."""

    def __init__(self, mask):
        self.mask, self.held, self.steps_seen = mask, None, 0

    def on_train_begin(self, args, state, control, model=None, optimizer=None, **_):
        self.held = ll.attach(model, optimizer, self.mask)

    def on_step_end(self, args, state, control, **_):
        self.held.verify()
        self.steps_seen += 1


def model():
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=20,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=8,
        num_labels=3,
    )
    return transformers.BertForSequenceClassification(config)


class Sentences(torch.utils.data.Dataset):
    def __len__(self):
        return 32

    def __getitem__(self, number):
        draw = torch.Generator().manual_seed(number)
        ids = torch.randint(20, (6,), generator=draw)
        return {"input_ids": ids, "attention_mask": torch.ones(6, dtype=torch.long), "labels": int(ids.sum()) % 3}


def arguments(tmp_path, steps):
    return transformers.TrainingArguments(
        output_dir=str(tmp_path),
        max_steps=steps,
        per_device_train_batch_size=8,
        learning_rate=1e-2,
        weight_decay=0.1,
        max_grad_norm=0.5,
        save_steps=4,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        logging_strategy="no",
        seed=0,
    )


def trained(tmp_path, steps, mask, **options):
    net, callback = model(), HoldMask(mask)
    trainer = transformers.Trainer(
        model=net, args=arguments(tmp_path, steps), train_dataset=Sentences(), callbacks=[callback]
    )
    trainer.train(**options)
    return net, callback


def test_a_mask_is_held_through_a_trainer_s_run_and_after_a_checkpoint(tmp_path):
    mask = ll.prune(model(), ll.criteria.Magnitude(), 0.6)
    assert "bert.encoder.layer.0.attention.self.query.weight" in mask
    net, callback = trained(tmp_path / "straight", 8, mask)
    assert callback.steps_seen == 8
    for name, kept in mask.items():
        assert not net.get_parameter(name)[~kept].any()
    again, callback = trained(
        tmp_path / "straight", 8, mask, resume_from_checkpoint=str(tmp_path / "straight" / "checkpoint-4")
    )
    assert callback.steps_seen == 4
    assert masks.digest(again.state_dict()) == masks.digest(net.state_dict())
