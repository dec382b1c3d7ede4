"""Rules of published codes from scores to a mask, with their own counts and ties, reproduced on purpose.

``select(..., ties=<name>)`` uses them, to repeat a published number or to show the effect of its rule.  A rule takes
the N candidates' scores ``(N,)`` (higher = keep, whatever the sign in the published code), the fraction s to remove,
and a generator, which only two rules use.  It returns bool ``(N,)``, True = kept.  A code that takes the density gets
``1 - s`` as a float, with its rounding error.

The numbers removed of N = 1000 different scores at s = 0.9 and 0.5, where 900 and 500 are right:

    grasp-official   899 499    lth-google      901 501    rigl              900 500
    snip-mil-ad      901 500    open-lth        901 501    edge-popup        900 500
    snip-official    900 500    early-bird      901 501    activation-study   98 499
    synflow-official 900 500    renda           900 500    threshold         899 499
    nncf             900 500    deconstructing  900 500
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
    """GraSP (Wang et al., 2020) keeps all >= the k-th lowest, so k - 1 are removed and all ties at the cut stay."""
    return scores >= _lowest(scores, int(len(scores) * (1 - (1 - sparsity))))


def snip_mil_ad(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """The PyTorch SNIP of mil-ad keeps the int(N * keep) highest, with all their ties; keep = 1 - 0.9 loses one."""
    return scores >= _lowest(scores, len(scores) - int(len(scores) * (1 - sparsity)) + 1)


def snip_official(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """SNIP (Lee et al., 2019) keeps exactly round(N * keep); the lowest index of a tie stays."""
    return _keep_highest(scores, round(len(scores) * (1 - sparsity)))


def synflow_official(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """SynFlow (Tanaka et al., 2020) removes all <= the k-th lowest, with all ties at the cut; k = 0 removes none."""
    k = int((1 - (1 - sparsity)) * len(scores))
    return scores > _lowest(scores, k) if k else _all(scores)


def lth_google(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """LTH (Frankle & Carbin, 2019) removes all <= sorted[round(s N)], one too many, with all its ties (foundations)."""
    return scores > _lowest(scores, round(sparsity * len(scores)) + 1)


def open_lth(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """OpenLTH keeps all > sorted[ceil(s N)], so it removes one too many, with all its ties."""
    return scores > _lowest(scores, math.ceil(sparsity * len(scores)) + 1)


def early_bird(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """Early-Bird (You et al., 2020) keeps all > sorted[int(s N)]: it removes one too many, and all if all are equal."""
    return scores > _lowest(scores, int(len(scores) * sparsity) + 1)


def renda(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """Rewinding (Renda et al., 2020) removes all < the interpolated percentile, in float64; ties at the cut stay."""
    import numpy

    if not bool(scores.isfinite().all()):
        raise UsageError("ties='renda' interpolates between scores, and some are infinite. Use another rule.")
    doubles = scores.double()
    return doubles >= float(numpy.percentile(doubles.cpu().numpy(), sparsity * 100))


def deconstructing(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """Deconstructing Lottery Tickets (Zhou et al., 2019) removes exactly int(N * percent / 100), with random ties.

    percent = (1 - 0.8) * 100 = 19.999999999999996, so 47,039 of LeNet's 235,200 are removed instead of 47,040.
    """
    import torch

    percent = (1 - (1 - sparsity)) * 100
    order = torch.from_numpy(rng.permutation(len(scores))).to(scores.device)
    kept = _all(scores)
    kept[order] = _remove_lowest(scores[order], int(len(scores) * percent / 100))
    return kept


def rigl(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """RigL (Evci et al., 2020) drops a count in float32; noise N(0, 1e-5) breaks ties and reorders near scores."""
    import numpy
    import torch

    noise = torch.from_numpy(rng.normal(0.0, 1e-5, len(scores))).to(scores)
    dropped = int(numpy.float32(len(scores)) * numpy.float32(sparsity))
    return _keep_highest(scores + noise, len(scores) - dropped)


def edge_popup(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """Edge-popup (Ramanujan et al., 2020) removes exactly the int((1 - keep) N) lowest, of a tie the lowest index."""
    return _remove_lowest(scores, int((1 - (1 - sparsity)) * len(scores)))


def nncf(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """NNCF's prune (OpenVINO, 3.x) removes all <= kthvalue(int((N - 1) s) + 1), with all ties; s = 0 removes one."""
    return scores > _lowest(scores, int((len(scores) - 1) * sparsity) + 1)


def activation_study(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """The activation study applies ``threshold`` at 1 - s, so it removes a fraction 1 - s; ties at the cut stay."""
    return threshold(scores, 1 - sparsity, rng)


def threshold(scores: Tensor, sparsity: float, rng: Generator) -> Tensor:
    """The activation study's rule at s itself keeps all >= the k-th lowest: it removes k - 1, and none for k = 0."""
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
    "nncf": nncf,
    "activation-study": activation_study,
    "threshold": threshold,
}


def _lowest(scores: Tensor, rank: int) -> Tensor:
    """Return the score of this rank from below, 1 = the lowest."""
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
