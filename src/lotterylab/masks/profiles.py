"""How published codes turn scores into a mask, each with its own count and its own ties, reproduced on purpose.

``select(..., ties=<name>)`` uses them, to repeat a published number or to show what its rule did to it.  Each takes the
N candidates' scores ``(N,)`` (higher = keep, whatever sign the published code has), the fraction s to remove, and a
generator, which only two of them draw from; it returns bool ``(N,)``, True = kept.  A code that is told the density is
given ``1 - s`` as a float, with its rounding error.

Removed of N = 1000 different scores at s = 0.9 and 0.5, where 900 and 500 are right:

    grasp-official   899 499    lth-google      901 501    rigl              900 500
    snip-mil-ad      901 500    open-lth        901 501    edge-popup        900 500
    snip-official    900 500    early-bird      901 501    activation-study   98 499
    synflow-official 900 500    renda           900 500    threshold         899 499
                                deconstructing  900 500
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from lotterylab.errors import UsageError

if TYPE_CHECKING:
    from numpy.random import Generator
    from torch import Tensor

Profile: TypeAlias = "Callable[[Tensor, float, Generator], Tensor]"


def grasp_official(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """GraSP (Wang et al., 2020): keeps all >= the k-th lowest, so k - 1 go and all ties at the cut stay."""
    return scores >= _lowest(scores, int(len(scores) * (1 - (1 - sparsity))))


def snip_mil_ad(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """The PyTorch SNIP of mil-ad: int(N * keep) highest stay, with all their ties; keep = 1 - 0.9 loses one."""
    return scores >= _lowest(scores, len(scores) - int(len(scores) * (1 - sparsity)) + 1)


def snip_official(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """SNIP (Lee et al., 2019): round(N * keep) stay, exactly; of ties the lowest index stays."""
    return _keep_highest(scores, round(len(scores) * (1 - sparsity)))


def synflow_official(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """SynFlow (Tanaka et al., 2020): removes all <= the k-th lowest, so all ties at the cut go; k = 0 removes none."""
    k = int((1 - (1 - sparsity)) * len(scores))
    return scores > _lowest(scores, k) if k else _all(scores)


def lth_google(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """LTH (Frankle & Carbin, 2019), foundations: removes all <= sorted[round(s N)], one too many, and all its ties."""
    return scores > _lowest(scores, round(sparsity * len(scores)) + 1)


def open_lth(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """OpenLTH: keeps all > sorted[ceil(s N)], so one too many goes, and all its ties."""
    return scores > _lowest(scores, math.ceil(sparsity * len(scores)) + 1)


def early_bird(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """Early-Bird (You et al., 2020): keeps all > sorted[int(s N)], one too many goes; equal scales: everything goes."""
    return scores > _lowest(scores, int(len(scores) * sparsity) + 1)


def renda(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """Rewinding (Renda et al., 2020): removes all < the interpolated percentile; ties at the cut stay.  In float64."""
    import numpy

    if not bool(scores.isfinite().all()):
        raise UsageError("ties='renda' interpolates between scores, and some are infinite. Use another rule.")
    doubles = scores.double()
    return doubles >= float(numpy.percentile(doubles.cpu().numpy(), sparsity * 100))


def deconstructing(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """Deconstructing Lottery Tickets (Zhou et al., 2019): an exact count of int(N * percent / 100), random ties.

    percent = (1 - 0.8) * 100 = 19.999999999999996, so that 47,039 of LeNet's 235,200 go and not 47,040.
    """
    import torch

    percent = (1 - (1 - sparsity)) * 100
    order = torch.from_numpy(rng.permutation(len(scores))).to(scores.device)
    kept = _all(scores)
    kept[order] = _remove_lowest(scores[order], int(len(scores) * percent / 100))
    return kept


def rigl(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """RigL's drop (Evci et al., 2020): exact count in float32; noise N(0, 1e-5) breaks ties and reorders near ones."""
    import numpy
    import torch

    noise = torch.from_numpy(rng.normal(0.0, 1e-5, len(scores))).to(scores)
    dropped = int(numpy.float32(len(scores)) * numpy.float32(sparsity))
    return _keep_highest(scores + noise, len(scores) - dropped)


def edge_popup(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """Edge-popup (Ramanujan et al., 2020): int((1 - keep) N) lowest go, exactly; of ties the lowest index."""
    return _remove_lowest(scores, int((1 - (1 - sparsity)) * len(scores)))


def activation_study(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """The activation study: ``threshold`` at 1 - s, so that a fraction 1 - s goes; ties at the cut stay."""
    return threshold(scores, 1 - sparsity, rng)


def threshold(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """That study's rule, right way round: keeps all >= the k-th lowest: k - 1 go, ties stay; k = 0 removes none."""
    k = int(sparsity * len(scores))
    return scores >= _lowest(scores, k) if k else _all(scores)


PROFILES: dict[str, Profile] = {
    "grasp-official": grasp_official,
    "snip-mil-ad": snip_mil_ad,
    "snip-official": snip_official,
    "synflow-official": synflow_official,
    "lth-google": lth_google,
    "open-lth": open_lth,
    "early-bird": early_bird,
    "renda": renda,
    "deconstructing": deconstructing,
    "rigl": rigl,
    "edge-popup": edge_popup,
    "activation-study": activation_study,
    "threshold": threshold,
}


def _lowest(scores: Tensor, rank: int) -> Tensor:
    """The score of this rank from below, 1 = the lowest."""
    if not 1 <= rank <= len(scores):
        raise UsageError(
            f"at this sparsity the published rule reads score number {rank} of {len(scores)}, and its code fails too. "
            f"Use ties='index', or a sparsity away from 0 and 1."
        )
    return scores.topk(rank, largest=False, sorted=False).values.max()


def _keep_highest(scores: Tensor, count: int) -> Tensor:
    kept = ~_all(scores)
    kept[scores.argsort(descending=True, stable=True)[:count]] = True
    return kept


def _remove_lowest(scores: Tensor, count: int) -> Tensor:
    kept = _all(scores)
    kept[scores.argsort(stable=True)[:count]] = False
    return kept


def _all(scores: Tensor) -> Tensor:
    import torch

    return torch.ones_like(scores, dtype=torch.bool)
