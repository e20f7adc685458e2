"""The process at the other end of GDB's connection, found by the connection itself and never by a name."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gdbext.errors import TransportUnavailable

if TYPE_CHECKING:
    import socket

# struct ucred of SO_PEERCRED: pid, uid, gid.
UCRED = struct.Struct("3i")
TCP_ESTABLISHED = "01"


def find_peer(details: str) -> int:
    """The PID of the process to which GDB is connected; `details` is what `target remote` was given.

    A unix socket tells who listened on it, a TCP connection within this machine is looked up in /proc/net. Raises
    `TransportUnavailable` where the process is elsewhere or does not show.
    """
    if details.startswith("|"):
        raise TransportUnavailable("the connection is a pipe, which does not tell its process")
    import socket

    for own in _iter_sockets():
        with own:
            try:
                if own.family == socket.AF_UNIX:
                    if not _is_same_path(own.getpeername(), details):
                        continue
                    credentials = own.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size)
                    pid = int(UCRED.unpack(credentials)[0])
                elif own.family in (socket.AF_INET, socket.AF_INET6):
                    here, there = own.getsockname()[:2], own.getpeername()[:2]
                    if str(there[1]) != details.rpartition(":")[2] or here[0] != there[0]:
                        continue
                    pid = _find_tcp_owner(there[1], here[1])
                else:
                    continue
            except OSError:  # a socket that listens, or is no longer connected
                continue
        if pid <= 0:
            raise TransportUnavailable("the process at the other end is in another PID namespace")
        return pid
    raise TransportUnavailable(f"the connection {details} does not lead to a process on this machine")


def _iter_sockets() -> Iterator[socket.socket]:
    """GDB's own sockets, each through a descriptor of ours that the caller closes."""
    import socket

    for name in os.listdir("/proc/self/fd"):
        try:
            copy = os.dup(int(name))
        except OSError:  # the descriptor of the listing itself
            continue
        try:
            yield socket.socket(fileno=copy)
        except OSError:
            os.close(copy)


def _is_same_path(bound: object, typed: str) -> bool:
    """Whether QEMU's name of its socket and the user's are of one file; QEMU's may be relative to its directory."""
    if not isinstance(bound, str) or not bound:
        return False
    typed = os.path.expanduser(typed.removeprefix("unix:"))
    if os.path.isabs(bound):
        return os.path.realpath(bound) == os.path.realpath(typed)
    return os.path.basename(bound) == os.path.basename(typed)


def _find_tcp_owner(its_port: int, our_port: int) -> int:
    """The PID that holds the other end of a TCP connection within this machine."""
    inode = None
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in _read_lines(table)[1:]:
            _, local, remote, state, *rest = line.split()
            ports = (int(local.rpartition(":")[2], 16), int(remote.rpartition(":")[2], 16))
            if ports == (its_port, our_port) and state == TCP_ESTABLISHED:
                inode = rest[5]
    wanted = f"socket:[{inode}]"
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if any(os.readlink(descriptor) == wanted for descriptor in (process / "fd").iterdir()):
                    return int(process.name)
            except OSError:  # it ended, or is none of our business
                continue
    raise TransportUnavailable("the process at the other end does not show: it belongs to another user or namespace")


def _read_lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii").splitlines()
    except OSError:
        return []
