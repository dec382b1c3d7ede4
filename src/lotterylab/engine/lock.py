"""The lock of a store, in which one process at a time may compute."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from pathlib import Path

from lotterylab.errors import RefusedError
from lotterylab.system.refusals import refusal

LOOKS = (0.02, 0.05, 0.1)  # seconds to wait for a process that holds the lock only to look at it
LONGEST_NAME = 200  # bytes
# errors of file systems without locks; NFS cannot lock a folder (EBADF) but can lock files
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF)

NOT_A_FILE = (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EMLINK)  # a link (EMLINK on FreeBSD), a folder, a socket


class Lock:
    """An advisory lock that the system drops when its holder ends, however it ends.

    Two objects are locked: the file ``path``, which holds the name of the holder, and the folder ``runs`` beside it.
    The folder's lock keeps a second process out even if the file is removed.
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
        """Take the lock again if its file or folder was removed or replaced; the holder calls this now and then.

        Raises:
            RefusedError: another process has taken the lock, or the store was removed.
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
                f"{self.path} was removed while this process computed, and {self._name() or 'another process'} now "
                "computes here. This process stops; finished results are kept. Do not remove that file: the system "
                "drops the lock when its holder ends."
            ) from error
        except (FileNotFoundError, NotADirectoryError) as error:
            raise RefusedError(
                f"the store {self.path.parent} was removed or moved away while this process computed in it. Put it "
                "back; the same command goes on."
            ) from error

    def holder(self) -> str:
        """Return the computing process ("process 12"); empty if there is none or no one can tell (no locks, rights)."""
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
        """Lock the folder before the file, so that a refused process has not touched the file."""
        if not self.folder.is_dir():
            return
        self._runs = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._wait_for(self._runs)
        except OSError as error:
            self._runs = _closed(self._runs)
            if error.errno not in NO_LOCKS:
                raise refusal(OSError(error.errno, error.strerror, str(self.folder))) from error
            # NFS cannot lock folders; the file's lock is enough unless it is removed

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
            self._file = _closed(self._file)  # removed before it was locked: no other process would see this lock
        with contextlib.suppress(OSError):  # on a full disk the lock holds without its holder's name
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, _own_name().encode(), 0)

    def _opened(self) -> int:
        """Return the lock file, open for writing and made if missing.

        Raises:
            RefusedError: it is not a regular file.  Through a link, the holder's name could be written anywhere.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(self.path, flags, 0o666)
        except OSError as error:
            if error.errno in NOT_A_FILE:
                raise self._not_a_file() from error
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise self._not_a_file()
        return descriptor

    def _not_a_file(self) -> RefusedError:
        return RefusedError(f"{self.path} is not a plain file but a link, a folder or a pipe. Remove it.")

    def _wait_for(self, descriptor: int) -> None:
        for patience in (*LOOKS, None):
            if _flock(descriptor, shared=False):
                return
            if patience is None:
                name = self._name() or "another process"
                holder = "another call in this process" if name == _own_name() else name
                raise RefusedError(
                    f"the store {self.path.parent} is in use by {holder}. Wait for it, or use another --store."
                )
            time.sleep(patience)

    def _drop(self) -> None:
        self._file, self._runs = _closed(self._file), _closed(self._runs)

    def _name(self) -> str:
        """Return the holder's name in the file; empty if it cannot be read."""
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


def _own_name() -> str:
    return f"process {os.getpid()}"


def _closed(descriptor: int) -> int:
    """Close a descriptor if it is open, and return -1, which stands for none."""
    if descriptor >= 0:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    return -1


def _flock(descriptor: int, *, shared: bool) -> bool:
    """Lock an open file or folder without waiting, and return whether that succeeded."""
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno == errno.EACCES:  # some systems' EWOULDBLOCK
            return False
        raise
    return True


def _is_same(descriptor: int, path: Path) -> bool:
    """Return whether the open file is still the file at ``path``.

    Any error except a missing file (such as a failing disk) proves nothing, so the lock counts as kept.
    """
    try:
        return descriptor >= 0 and os.path.samestat(os.fstat(descriptor), os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
