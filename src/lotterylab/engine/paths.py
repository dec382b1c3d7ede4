"""The execution path of a training: which of several ways to the same numbers, up to rounding, computes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lotterylab.engine.shrinking import small_of
from lotterylab.kernels.build import Library, library
from lotterylab.kernels.links import Links, links_of
from lotterylab.kernels.portable import Portable, portable
from lotterylab.plan.nodes import Train
from lotterylab.plan.user_nodes import UserTrain
from lotterylab.training.chain_step import fits
from lotterylab.training.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn

    from lotterylab.engine.context import Context


def kernel_of(node: Train, context: Context) -> tuple[Library | Portable, Links] | None:
    """Return the kernel that trains a node, and the chain of the layers that are trained; None for torch's autograd."""
    if not context.fast or context.device != "cpu" or isinstance(node, UserTrain):
        return None

    def made() -> tuple[Library | Portable, Links] | None:
        small = small_of(node, context)
        return chain_of(node, small.module if small else context.module(node))

    return context.at_hand.once("kernel", node.digest, made)


def chain_of(node: Train, module: nn.Module) -> tuple[Library | Portable, Links] | None:
    """Return the kernel and the chain of layers of a node's network, where the kernel can train it on the CPU."""
    links, recipe = links_of(module), cast(Recipe, node.recipe)
    if links is None or not fits(recipe, links, frozen=node.frozen is not None):
        return None
    kernel = library()
    if kernel is None and not links.blocks and not recipe.interventions:
        kernel = portable()
    return (kernel, links) if kernel else None


def path_of(node: Train, context: Context) -> str:
    """Return the execution path of a training, a fact of its result."""
    name = context.path_name(node.model)
    if kernel := kernel_of(node, context):
        library, links = kernel
        name = library.name("convolution" if links.blocks else "chain")
    return f"{name}, shrunk" if small_of(node, context) else name
