"""The process at the other end of a connection, with a child of ours there."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gdbext.errors import TransportUnavailable
from gdbext.live.peer import find_peer

# Binds what it is told, says where, greets the one who connects, and holds the connection until its stdin ends.
SERVER = """
import socket, sys
family, address = eval(sys.argv[1])
with socket.socket(family) as listener:
    listener.bind(address)
    listener.listen()
    print(repr(listener.getsockname()), flush=True)
    connection, _ = listener.accept()
    connection.sendall(b".")
    sys.stdin.read()
"""


@contextmanager
def server(family: socket.AddressFamily, address: object, directory: Path) -> Iterator[tuple[int, object]]:
    """A child that listens at `address`: its PID, and where it can be reached."""
    command = [sys.executable, "-c", SERVER, repr((int(family), address))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=directory) as process:
        assert process.stdout is not None
        try:
            yield process.pid, eval(process.stdout.readline())
        finally:
            process.kill()


def test_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "stub")
    with server(socket.AF_UNIX, path, tmp_path) as (pid, _), socket.socket(socket.AF_UNIX) as ours:
        ours.connect(path)
        assert find_peer(path) == pid
        assert find_peer(f"unix:{path}") == pid


def test_unix_socket_with_a_relative_name(tmp_path: Path) -> None:
    with server(socket.AF_UNIX, "stub", tmp_path) as (pid, _), socket.socket(socket.AF_UNIX) as ours:
        ours.connect(str(tmp_path / "stub"))
        assert find_peer(str(tmp_path / "stub")) == pid


def test_each_of_two_unix_sockets(tmp_path: Path) -> None:
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    with (
        server(socket.AF_UNIX, first, tmp_path) as (first_pid, _),
        server(socket.AF_UNIX, second, tmp_path) as (second_pid, _),
        socket.socket(socket.AF_UNIX) as to_first,
        socket.socket(socket.AF_UNIX) as to_second,
    ):
        to_first.connect(first)
        to_second.connect(second)
        assert (find_peer(first), find_peer(second)) == (first_pid, second_pid)


def test_tcp(tmp_path: Path) -> None:
    with server(socket.AF_INET, ("127.0.0.1", 0), tmp_path) as (pid, address), socket.socket() as ours:
        assert isinstance(address, tuple)
        ours.connect(address)
        assert ours.recv(1) == b"."  # before it is accepted, a connection belongs to no process
        assert find_peer(f"localhost:{address[1]}") == pid
        assert find_peer(f"tcp:127.0.0.1:{address[1]}") == pid
        assert find_peer(f":{address[1]}") == pid


@pytest.mark.parametrize("details", ["| qemu-system-riscv64 -gdb stdio", "/dev/ttyS0", "localhost:1", ""])
def test_no_process_to_be_found(details: str) -> None:
    with pytest.raises(TransportUnavailable):
        find_peer(details)
