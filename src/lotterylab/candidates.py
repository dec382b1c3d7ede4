"""The parameters of a network that may be pruned, and what is said about weights that are not among them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from lotterylab.errors import UsageError, near_or_known, suggestion, unknown
from lotterylab.network import Network
from lotterylab.own_code.arguments import described

PARAMS = ("weights", "matrices", "all")
MOST_LEFT_OUT = 0.01  # the share of the weights that may be left out with a warning; sparsities are given to a percent
MOST_NAMED, MOST_KINDS = 12, 30  # parameters that a message names one by one, and else in kinds


def candidates(net: Network, params: str | Iterable[str], *, otherwise: str = "") -> tuple[str, ...]:
    """Return the names of the parameters that may be pruned.

    Args:
        net: the network.
        params: "weights" (of Conv and Linear layers), "matrices" (these, and the other parameters of two dimensions or
            more that may hold weights), "all", or names of parameters.
        otherwise: what to do about weights that would be left out, where ``params`` cannot be chosen.

    Raises:
        UsageError: a word or a name is unknown, there is nothing to prune, or with "weights" or "matrices" more than 1
            % of the weights would be left out, or those of a layer whose weight is computed from other tensors.
    """
    words = dict(zip(PARAMS, (net.prunable, _matrices(net), net.parameters), strict=True))
    if isinstance(params, str) and params not in words and params in net.parameters:
        params = (params,)
    if isinstance(params, str):
        if params not in words:
            raise unknown("set of parameters", params, (*words, *net.parameters[:MOST_NAMED]))
        if params != "all":
            _check_weights(net, words[params], params, otherwise)
        return words[params]
    if not isinstance(params, Iterable):
        raise UsageError(f"params is {params!r}; it must be 'weights', 'matrices', 'all', or the names of parameters.")
    chosen = tuple(params)
    if not chosen:
        raise UsageError("params is empty, so there is nothing to prune. Name at least one parameter.")
    for name in chosen:
        if not isinstance(name, str):
            raise UsageError(f"params holds {described(name)}; give names of parameters, as '{net.parameters[0]}'.")
        if name not in net.parameters:
            raise UsageError(
                f"params names '{name}', which is not a parameter of the module (a tied one has its first name)."
                f"{suggestion(name, net.parameters)}"
            )
    return tuple(name for name in net.parameters if name in chosen)


def excluded(names: Sequence[str], exclude: str | Iterable[str] | None, by_default: Iterable[str]) -> tuple[str, ...]:
    """Return the candidates that are not cut.

    Args:
        names: the candidates.
        exclude: names of weights, or of layers or parts of the module; None for ``by_default``.
        by_default: names that are left out if others are left.

    Raises:
        UsageError: a name is not a candidate's, or nothing is left.

    Examples:
        >>> excluded(["conv.weight", "head.1.weight", "head.2.weight"], "head", ())
        ('head.1.weight', 'head.2.weight')
    """
    if exclude is None:
        chosen = tuple(name for name in names if name in set(by_default))
        return chosen if len(chosen) < len(names) else ()
    found: set[str] = set()
    for given in [exclude] if isinstance(exclude, str) else exclude:
        parts = {name for name in names if f"{name}.".startswith(f"{given}.")}
        if not parts:
            near = near_or_known(str(given), [*names, *(name.rpartition(".")[0] for name in names)])
            what = f"names '{given}'" if isinstance(given, str) else f"holds {described(given)}"
            raise UsageError(f"exclude {what}, which is not a candidate for the mask.{near}")
        found |= parts
    if len(found) == len(names):
        raise UsageError(
            f"exclude names all {len(names)} candidates, so there is nothing to prune. Leave one out of it."
        )
    return tuple(name for name in names if name in found)


def left_out(net: Network, params: str | Iterable[str]) -> str:
    """Return a sentence on the few weights that a word for ``params`` leaves out, or "".

    Examples:
        >>> import torch
        >>> from lotterylab.network import network
        >>> module = torch.nn.Linear(50, 50)
        >>> module.scale = torch.nn.Parameter(torch.ones(1, 2))
        >>> left_out(network(module), "weights")
        "0.08 % of all weights stay whole, as they are in no Conv or Linear layer: 'scale' (0.08 %)."
    """
    words = {"weights": (*net.unknown, *net.unknown_scales), "matrices": net.unknown_scales}
    if not isinstance(params, str) or not (others := words.get(params, ())):
        return ""
    share = sum(net.shares[name] for name in others)
    where = "as they are in no Conv or Linear layer"
    return f"{_percent(share)} of all weights stay whole, {where}: {_listed(net, others)}."


def _matrices(net: Network) -> tuple[str, ...]:
    return tuple(name for name in net.parameters if name in net.prunable or name in net.unknown)


def _check_weights(net: Network, names: Sequence[str], params: str, otherwise: str) -> None:
    """Refuse to leave weights out in silence."""
    matrices = net.unknown if params == "weights" else ()
    others = (*matrices, *net.unknown_scales)
    sentences = []
    if net.computed:
        sentences.append(
            f"the weight of {', '.join(map(repr, net.computed[:MOST_NAMED]))} is not a parameter but computed from "
            "others (a parametrization, weight_norm, torch.nn.utils.prune), so it would be left out. Make it a "
            "parameter first (parametrize.remove_parametrizations, prune.remove)."
        )
    if sum(net.shares[name] for name in matrices) > MOST_LEFT_OUT or (others and (sentences or not names)):
        share = sum(net.shares[name] for name in others)
        sentences.append(
            f"{_percent(share)} of all weights are in no Conv or Linear layer and would be left out: "
            f"{_listed(net, others)}."
        )
    if not sentences and not names:
        sentences.append("there is nothing to prune: the module has no Conv or Linear layer.")
    if sentences:
        raise UsageError(" ".join([*sentences, otherwise or _choices(net)]))


def _choices(net: Network) -> str:
    """Return what a caller can write for ``params``."""
    if not _matrices(net):
        return "Name its parameters: params=[...]."
    more = "To prune them too: params='matrices'. " if net.unknown and not net.computed else ""
    less = "To leave them out: params=lotterylab.network.prunable_names(module). " if net.prunable else ""
    return f"{more}{less}To choose: name the parameters, params=[...]."


def _listed(net: Network, names: Sequence[str]) -> str:
    """Return names with their shares, the largest first; many are grouped by the layers that they have in common."""
    shares = {name: net.shares[name] for name in sorted(names, key=lambda name: -net.shares[name])}
    if len(shares) <= MOST_NAMED:
        return ", ".join(f"'{name}' ({_percent(share)})" for name, share in shares.items())
    alike: dict[str, list[str]] = {}
    for name in shares:
        alike.setdefault(re.sub(r"\d+", "*", name), []).append(name)
    groups = [(of[0], len(of) - 1, sum(shares[name] for name in of)) for of in alike.values()]
    texts = [f"'{name}'{f' and {more} like it' if more else ''} ({_percent(of)})" for name, more, of in groups]
    rest = groups[MOST_KINDS:]
    more = f" and {len(rest)} more kinds ({_percent(sum(of for _, _, of in rest))})" if rest else ""
    return ", ".join(texts[:MOST_KINDS]) + more


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
