"""Who computes in a store: one process at a time."""

from __future__ import annotations

import os
from pathlib import Path

from lotterylab.errors import RefusedError


class Lock:
    """An advisory lock that the system drops when its holder ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Lock:
        import fcntl

        self._file = open(self.path, "a+")  # held open as long as the lock is
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip() or "another process"
            self._file.close()
            raise RefusedError(
                f"the store {self.path.parent} is in use by {holder}. Wait for it, or use another --store."
            ) from None
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()}")
        self._file.flush()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def holder(self) -> str:
        """Who computes now ("process 12"); empty when nobody does."""
        import fcntl

        try:
            with open(self.path) as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return file.read().strip() or "another process"
        except FileNotFoundError:
            pass
        return ""
