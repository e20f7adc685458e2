"""Where the records of a trace are kept: as lines of JSON in a file, so that a long trace needs little memory."""

from __future__ import annotations

import json
import shutil
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from gdbext.errors import BadFile
from gdbext.files import replace_file
from gdbext.trace.record import FaultRecord, encode, from_json


class TraceLog:
    """Records by their place in the file, which is the order in which the faults came to their end.

    A log that is being written lies in a file without a name, which goes when the log does.
    """

    def __init__(self, file: IO[bytes] | None = None, name: str = "this trace") -> None:
        self.name = name
        self._file = file or tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the log
        self._offsets = array("Q")

    def __len__(self) -> int:
        return len(self._offsets)

    def append(self, record: FaultRecord) -> None:
        self._offsets.append(self._file.seek(0, 2))
        self._file.write(_encode_line(record))

    def read(self, position: int) -> FaultRecord:
        """The record at `position`, from 0. Raises `BadFile` where the file has changed since."""
        self._file.seek(self._offsets[position])
        return self._decode(self._file.readline(), position + 1)

    def __iter__(self) -> Iterator[FaultRecord]:
        return (self.read(position) for position in range(len(self)))

    def save(self, path: Path, more: Sequence[FaultRecord] = ()) -> None:
        """Write all records, and `more` behind them, to the file `path`. Raises `BadInput`."""
        with replace_file(path, "wb") as copy:
            self._file.seek(0)
            shutil.copyfileobj(self._file, copy)
            for record in more:
                copy.write(_encode_line(record))

    @classmethod
    def load(cls, path: Path) -> TraceLog:
        """A saved trace; every line is read once, so that what is no trace is refused now. Raises `BadFile`."""
        try:
            log = cls(path.open("rb"), str(path))
            log._index()
        except OSError as error:
            raise BadFile(f"cannot read {path}: {error.strerror}") from error
        return log

    def _index(self) -> None:
        offset = 0
        for number, line in enumerate(self._file, 1):
            self._decode(line, number)
            self._offsets.append(offset)
            offset += len(line)
        if not self._offsets:
            raise BadFile(f"{self.name} holds no fault: a trace has one line of JSON for each")

    def _decode(self, line: bytes, number: int) -> FaultRecord:
        try:
            return from_json(json.loads(line))
        except ValueError as error:
            raise BadFile(f"{self.name}, line {number}: not JSON") from error
        except BadFile as error:
            raise BadFile(f"{self.name}, line {number}: {error}") from error


def _encode_line(record: FaultRecord) -> bytes:
    return encode(record).encode("ascii") + b"\n"
