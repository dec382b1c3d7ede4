"""The name by which version 0.1.0 offered the audit of folders; ``lotterylab.auditing`` has it now."""

from lotterylab.auditing import Report, audit_folder

__all__ = ["Report", "audit_folder"]
