"""The execution path of a training: which of several ways to the same numbers, up to rounding, computes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lotterylab.engine.shrinking import small_of
from lotterylab.kernels.build import Library, library
from lotterylab.kernels.links import Links, links_of
from lotterylab.plan.nodes import Train
from lotterylab.plan.user_nodes import UserTrain
from lotterylab.training.chain_step import ACTIVATIONS, fits
from lotterylab.training.recipe import Recipe

if TYPE_CHECKING:
    from lotterylab.engine.context import Context


def kernel_of(node: Train, context: Context) -> tuple[Library, Links] | None:
    """Return the compiled kernel that trains a node, and the node's chain of layers; None where torch trains it."""
    if not context.fast or context.device != "cpu" or isinstance(node, UserTrain) or small_of(node, context):
        return None
    if node.digest not in context.chains:
        context.chains.clear()  # one training at a time: a worker computes thousands of tasks
        context.chains[node.digest] = chain_of(node)
    return context.chains[node.digest]


def chain_of(node: Train) -> tuple[Library, Links] | None:
    """Return the kernel and the chain of layers of a node's network, where the kernel can train it on the CPU."""
    if not fits(cast(Recipe, node.recipe), frozen=node.frozen is not None):
        return None
    links = links_of(node.model.build())
    kernel = library() if links and links.activation in ACTIVATIONS else None
    return (kernel, links) if kernel and links else None


def path_of(node: Train, context: Context) -> str:
    """Return the execution path of a training, a fact of its result."""
    if kernel := kernel_of(node, context):
        return f"chain kernel, {kernel[0].compiler}"
    name = context.path_name(node.model)
    return f"{name}, shrunk" if small_of(node, context) else name
