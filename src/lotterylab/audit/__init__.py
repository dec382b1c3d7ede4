"""What is wrong with a pruned network, and what only may be: alarms from plain numbers, state dicts or a folder."""

from lotterylab.audit.alarms import Alarm
from lotterylab.audit.folder import Report, audit_folder
from lotterylab.audit.states import audit

__all__ = ["Alarm", "Report", "audit", "audit_folder"]
