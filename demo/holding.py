"""Folders that are worked on: held by one process, replaced by a new one, and put right after a kill."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Be alone with a folder: waits for others; the kernel lets go of it where a process is killed. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def scratch_of(folder: Path) -> Path:
    """Where this process makes what takes a folder's place."""
    return folder.parent / f".{folder.name}-{os.getpid()}.new"


def _is_held(folder: Path) -> bool:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def replace_folder(folder: Path, scratch: Path) -> None:
    """Let ``scratch`` take a folder's place. A kill leaves the old one beside it, which ``recover`` brings back."""
    if not folder.exists():
        scratch.replace(folder)
        return
    aside = folder.parent / f".{folder.name}-{os.getpid()}.old"
    with hold(folder):
        folder.replace(aside)
        scratch.replace(folder)
        shutil.rmtree(aside, ignore_errors=True)


def recover(folder: Path) -> None:
    """Put right what killed processes left: bring back a folder that was moved aside, remove what nobody works on."""
    # By name and not by a pattern, because a folder's name may hold any sign.
    try:
        names = sorted(path.name for path in folder.parent.iterdir())
    except OSError:
        return
    head = f".{folder.name}-"
    for name in names:
        middle, _, kind = name.removeprefix(head).rpartition(".")
        if not name.startswith(head) or not middle.isdigit() or kind not in ("new", "old"):
            continue
        left = folder.parent / name
        try:
            if _is_held(left):
                continue
            if kind == "old" and not folder.exists():
                left.replace(folder)
            else:
                shutil.rmtree(left, ignore_errors=True)
        except OSError:
            # Gone meanwhile, or not ours to remove.
            continue
