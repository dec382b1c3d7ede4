"""Who computes in a store: one process at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from pathlib import Path

from lotterylab.errors import RefusedError
from lotterylab.system.refusals import refusal

LOOKS = (0.02, 0.05, 0.1)  # seconds to wait for one who only looks who computes here, and holds it for an instant
LONGEST_NAME = 200  # bytes
# what file systems without locks answer; a folder on NFS cannot be locked (EBADF), files there can
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF)

NOT_A_FILE = (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EMLINK)  # a link (EMLINK on FreeBSD), a folder, a socket


class Lock:
    """An advisory lock that the system drops when its holder ends, however it ends.

    Two things are locked: the file ``path``, which holds the name of its holder, and the folder ``runs`` beside it. The
    folder keeps a second process out even while the file is missing, because somebody has removed it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = path.parent / "runs"
        self._file = self._runs = -1

    def __enter__(self) -> Lock:
        try:
            self._take_folder()
            self._take_file()
        except BaseException:
            self._drop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def check(self) -> None:
        """Take the lock again if its file or folder was removed or replaced; for its holder, now and then.

        Raises:
            RefusedError: another process has taken it meanwhile, or the store is gone.
        """
        try:
            if self._runs >= 0 and not _is_same(self._runs, self.folder):
                self._runs = _closed(self._runs)
                self._take_folder()
            if not _is_same(self._file, self.path):
                self._file = _closed(self._file)
                self._take_file()
        except RefusedError as error:
            raise RefusedError(
                f"{self.path} was removed while this process computed, and {self._name() or 'another process'} "
                "computes here now. This process stops; what it has finished is kept. Leave that file where it is: "
                "the system drops the lock when its holder ends."
            ) from error
        except (FileNotFoundError, NotADirectoryError) as error:
            raise RefusedError(
                f"the store {self.path.parent} was removed or moved away while this process computed in it. Put it "
                "back; the same command goes on."
            ) from error

    def holder(self) -> str:
        """Who computes now ("process 12"); empty when nobody does, and where no one can tell (no locks, no rights)."""
        for path in (self.path, self.folder):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                if not _flock(descriptor, shared=True):
                    return self._name() or "another process"
            except OSError:
                continue
            finally:
                os.close(descriptor)
        return ""

    def _take_folder(self) -> None:
        """First of the two: who is refused here has not touched the file."""
        if not self.folder.is_dir():
            return
        self._runs = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._wait_for(self._runs)
        except OSError as error:
            self._runs = _closed(self._runs)
            if error.errno not in NO_LOCKS:
                raise refusal(OSError(error.errno, error.strerror, str(self.folder))) from error
            # NFS cannot lock folders: the file is enough there, as long as nobody removes it

    def _take_file(self) -> None:
        while True:
            self._file = self._opened()
            try:
                self._wait_for(self._file)
            except OSError as error:
                number = errno.ENOLCK if error.errno in NO_LOCKS else error.errno
                raise refusal(OSError(number, os.strerror(number or 0), str(self.path))) from error
            if _is_same(self._file, self.path):
                break
            self._file = _closed(self._file)  # removed before we had it: nobody else would see our lock
        with contextlib.suppress(OSError):  # a full disk: the lock holds without its holder's name
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"process {os.getpid()}".encode(), 0)

    def _opened(self) -> int:
        """The lock file, open for writing, and made if it is not there.

        Raises:
            RefusedError: something else has its name.  A link would let the holder's name be written anywhere.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(self.path, flags, 0o666)
        except OSError as error:
            if error.errno in NOT_A_FILE:
                raise self._no_file() from error
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise self._no_file()
        return descriptor

    def _no_file(self) -> RefusedError:
        return RefusedError(f"{self.path} is not a plain file but a link, a folder or a pipe. Remove it.")

    def _wait_for(self, descriptor: int) -> None:
        for patience in (*LOOKS, None):
            if _flock(descriptor, shared=False):
                return
            if patience is None:
                raise RefusedError(
                    f"the store {self.path.parent} is in use by {self._name() or 'another process'}. Wait for it, or "
                    "use another --store."
                )
            time.sleep(patience)

    def _drop(self) -> None:
        self._file, self._runs = _closed(self._file), _closed(self._runs)

    def _name(self) -> str:
        """The holder, as the file says; empty if it cannot be read."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return ""
        try:
            return os.read(descriptor, LONGEST_NAME).decode(errors="replace").strip()
        except OSError:
            return ""
        finally:
            os.close(descriptor)


def _closed(descriptor: int) -> int:
    """Close it if it is open; -1, which stands for none."""
    if descriptor >= 0:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    return -1


def _flock(descriptor: int, *, shared: bool) -> bool:
    """Lock an open file or folder without waiting; False if another process has it."""
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno == errno.EACCES:  # what some systems say in place of EWOULDBLOCK
            return False
        raise
    return True


def _is_same(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one that has that name now.

    An error other than a missing file (a disk that fails) says nothing about it, so the lock counts as kept.
    """
    try:
        return descriptor >= 0 and os.path.samestat(os.fstat(descriptor), os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
