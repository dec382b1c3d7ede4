"""Two criteria keep weights by whether training changed their sign.   [zhou2019deconstructing]"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from lotterylab.criteria.gradients import final_and_initial
from lotterylab.types import Scores
from lotterylab.views import View
from lotterylab.words import check_words

if TYPE_CHECKING:
    from torch import Tensor

Sign = Literal["same", "different"]


@dataclass(frozen=True, kw_only=True)
class LargeFinalOfSign:
    """``score = |w_f|`` where the sign is as asked, else 0: large weights that kept (or changed) their sign stay.

    [zhou2019deconstructing, section 2, "large final, same sign" and "large final, diff sign"]  The paper writes
    max(0, w_f w_i / |w_i|).  As in the authors' code, a weight that begins at 0 has changed its sign.

    All weights of the other sign tie at 0.  A cut among them is undecided, and alarms say so; the authors' code decides
    by chance, which is ``ties="random"``.  A cut at exactly the share of the other sign keeps the mask that the authors
    call "large final, same (diff) sign, single": all weights of the sign, and no others.

    Args:
        sign: "same" as before training, or "different".

    Raises:
        UsageError: another word for the sign.

    Examples:
        >>> import torch, lotterylab as ll
        >>> layer = torch.nn.Linear(4, 1, bias=False)
        >>> _ = layer.weight.data.copy_(torch.tensor([[0.5, -0.1, 0.2, -0.9]]))
        >>> before = {"weight": torch.tensor([[0.1, -0.3, -0.3, 0.4]])}
        >>> scores = ll.score(layer, LargeFinalOfSign(sign="same"), initial=before)  # 0 where the sign differs
        >>> ll.select(scores, 0.5)["weight"]
        tensor([[ True,  True, False, False]])
        >>> ll.select(ll.score(layer, LargeFinalOfSign(sign="different"), initial=before), 0.75)["weight"]
        tensor([[False, False, False,  True]])
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = True
    sign: Sign = "same"

    def __post_init__(self) -> None:
        check_words(self)

    def __call__(self, view: View) -> Scores:
        """|w_f| of each named parameter, in float32 or better; 0 for the other sign."""
        final, initial = final_and_initial(view, self)
        of_sign = _of_sign(final, initial, self.sign)
        return cast(Scores, {name: final[name].abs().where(of_sign[name], 0.0) for name in final})


@dataclass(frozen=True, kw_only=True)
class MagnitudeIncreaseOfSign:
    """``score = |w_f| - |w_i|`` where the sign is as asked, else 0: weights that grew with (or across) their sign stay.

    [zhou2019deconstructing, section 2, "magnitude increase, same sign" and "magnitude increase, diff sign"]

    All weights of the other sign tie at 0, as in the authors' code.  They go after the weights of the asked sign that
    shrank, whose scores are negative.  See ``LargeFinalOfSign`` for ties.

    Args:
        sign: "same" as before training, or "different".

    Raises:
        UsageError: another word for the sign.

    Examples:
        >>> import torch, lotterylab as ll
        >>> layer = torch.nn.Linear(4, 1, bias=False)
        >>> _ = layer.weight.data.copy_(torch.tensor([[0.5, -0.125, 0.25, -1.0]]))
        >>> before = {"weight": torch.tensor([[0.25, -0.5, -0.5, 0.5]])}
        >>> ll.score(layer, MagnitudeIncreaseOfSign(sign="same"), initial=before)["weight"].tolist()
        [[0.25, -0.375, 0.0, 0.0]]
    """

    version: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = False
    needs_shape: ClassVar[bool] = False
    needs_initial: ClassVar[bool] = True
    sign: Sign = "same"

    def __post_init__(self) -> None:
        check_words(self)

    def __call__(self, view: View) -> Scores:
        """|w_f| - |w_i| of each named parameter, in float32 or better; 0 for the other sign."""
        final, initial = final_and_initial(view, self)
        of_sign = _of_sign(final, initial, self.sign)
        grown = {name: final[name].abs() - initial[name].abs() for name in final}
        return cast(Scores, {name: grown[name].where(of_sign[name], 0.0) for name in final})


def _of_sign(final: dict[str, Tensor], initial: dict[str, Tensor], sign: Sign) -> dict[str, Tensor]:
    """Return which weights have the same sign (or another one) before and after training; 0 is a sign of its own."""
    same = {name: final[name].sign() == initial[name].sign() for name in final}
    return same if sign == "same" else {name: ~kept for name, kept in same.items()}
