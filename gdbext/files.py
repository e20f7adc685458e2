"""Writing files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gdbext.errors import BadInput


@contextmanager
def replace_file(path: Path, mode: str = "w") -> Iterator[Any]:
    """Open (`w` or `wb`) what becomes the file `path`, readable by its owner alone, if all goes well.

    What is not a regular file, such as /dev/stdout, is written in place. Raises `BadInput` where it cannot be written.
    """
    encoding = None if "b" in mode else "utf-8"
    try:
        path = path.resolve()
        if path.exists() and not path.is_file():
            with path.open(mode, encoding=encoding) as file:
                yield file
            return
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, mode, encoding=encoding) as file:
                yield file
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror or error}") from error
