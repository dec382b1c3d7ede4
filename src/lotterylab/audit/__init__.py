"""The old home of the audit, whose module can be called, so that ``lotterylab.audit`` is one thing to a user.

``lotterylab.audit(...)`` is the function of ``lotterylab.auditing``.  Version 0.1.0 also had a package of this name,
and ``from lotterylab.audit.folder import audit_folder`` still works.  Python binds a package's name in its parent when
it is imported, in place of the function; therefore this module can be called like the function, and has its signature.
"""

import sys
from types import ModuleType
from typing import Any

from lotterylab.auditing import Alarm, Report, audit, audit_folder

__all__ = ["Alarm", "Report", "audit", "audit_folder"]

__wrapped__ = audit  # what ``inspect.signature`` shows


class _Callable(ModuleType):
    def __call__(self, *states: Any, **facts: Any) -> list[Alarm]:
        """Return ``auditing.audit(*states, **facts)``."""
        return audit(*states, **facts)


sys.modules[__name__].__class__ = _Callable
