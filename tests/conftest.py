"""What holds for all tests: Ctrl-C is heard, also where the tests were started in the background of a shell, and what
they mount ends with them."""

from __future__ import annotations

import signal

import disks

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # processes that tests start would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)

disks.separate()
