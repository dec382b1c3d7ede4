"""The audit raises alarms about pruned networks, from plain numbers, state dicts or a folder."""

from lotterylab.auditing.alarms import Alarm
from lotterylab.auditing.folder import audit_folder
from lotterylab.auditing.pairs import audit_pair
from lotterylab.auditing.reports import Report
from lotterylab.auditing.states import audit

__all__ = ["Alarm", "Report", "audit", "audit_folder", "audit_pair"]
