"""lotterylab: find, train, compare, audit and explain sparse subnetworks."""

__version__ = "0.1.0"
