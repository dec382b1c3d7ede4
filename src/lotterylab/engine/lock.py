"""Who computes in a store: one process at a time."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NoReturn

from lotterylab.errors import RefusedError

LOOKS = (0.02, 0.05, 0.1)  # seconds to wait for one who only looks who computes here, and holds it for an instant


class Lock:
    """An advisory lock that the system drops when its holder ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Lock:
        import fcntl

        self._file = open(self.path, "a+")  # held open as long as the lock is
        for patience in (*LOOKS, None):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if patience is None:
                    self._refuse()
                time.sleep(patience)
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()}")
        self._file.flush()
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _refuse(self) -> NoReturn:
        self._file.seek(0)
        holder = self._file.read().strip() or "another process"
        self._file.close()
        raise RefusedError(
            f"the store {self.path.parent} is in use by {holder}. Wait for it, or use another --store."
        ) from None

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
