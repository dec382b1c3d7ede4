"""``lotterylab.audit`` is the function, and the path of version 0.1.0, in one process and in any order."""

from __future__ import annotations

import subprocess
import sys

import pytest

CALL = "assert [a.code for a in ll.audit(end={'w': torch.tensor([[0.0, 1.0]])}, requested=0.5)] == ['mask-inferred']"
OLD = "from lotterylab.audit.folder import audit_folder; from lotterylab.audit import Alarm, audit"
SAME = "import lotterylab.auditing as new; assert audit_folder is new.audit_folder and audit is new.audit"
SHOWN = "import inspect; assert inspect.signature(ll.audit) == inspect.signature(audit)"
ORDERS = {
    "function, then path": ("import lotterylab as ll", CALL, OLD, CALL),
    "path, then function": (OLD, "import lotterylab as ll", CALL),
    "path alone, then the name": ("import lotterylab.audit", OLD, "from lotterylab import audit as ll_audit", CALL),
}


@pytest.mark.parametrize("order", ORDERS)
def test_function_and_path_work_in_any_order(order):
    lines = ["import torch", "import lotterylab as ll" if order.endswith("name") else "", *ORDERS[order], SAME, SHOWN]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_wrong_argument_is_the_functions_error():
    code = """
import lotterylab.audit, lotterylab as ll
from lotterylab.auditing import audit
def error(call):
    try:
        call(initial={})
    except Exception as error:
        return type(error).__name__, str(error)
assert error(ll.audit) == error(audit) is not None
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
