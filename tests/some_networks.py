"""Tiny networks of 8x8 digits, and an optimizer, for laws that hold with norms and with dropout."""

from __future__ import annotations

from lotterylab.models import ConvN, Vgg
from lotterylab.training.optim import Sgd

VGG = Vgg(depth=11, width=0.05, shape=(1, 8, 8))  # with batch norm
CONV = ConvN(depth=2, width=0.1, dropout=0.3, shape=(1, 8, 8))  # with dropout, without norms
MODELS = {"batch norm": VGG, "dropout": CONV}
SGD = Sgd(lr=0.05, momentum=0.9, weight_decay=1e-3, nesterov=True)
