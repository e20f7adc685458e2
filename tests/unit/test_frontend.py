"""What both front ends share: text or JSON, to the user or to a file, and the status of it all."""

from __future__ import annotations

import stat
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from gdbext.commands import MODULES
from gdbext.commands.declaration import Command, Status
from gdbext.errors import BadInput
from gdbext.files import replace_file
from gdbext.frontend import find_renderer, load_commands, run_command
from gdbext.render.style import PLAIN, Style
from gdbext.target.base import Target
from tests.unit.fakes import FakeTarget, make_space, run


@dataclass(frozen=True)
class Answer:
    status: Status


@pytest.fixture
def written() -> list[str]:
    return []


def make_command(monkeypatch: pytest.MonkeyPatch, *answers: Status | Exception) -> Command:
    """A command that gives these answers, or fails; its text is the status, coloured, and its JSON comes in pieces."""

    def answer(_target: Target, _arguments: Namespace) -> Iterator[Answer]:
        for each in answers:
            if isinstance(each, Exception):
                raise each
            yield Answer(each)

    renderer = SimpleNamespace(
        iter_text=lambda result, style: iter(["begin", style.bad(result.status.name)]),
        iter_json=lambda result: iter(['{"status": ', f'"{result.status.name}"', "}"]),
    )
    monkeypatch.setattr("gdbext.frontend.find_renderer", lambda _declared: renderer)
    return Command("sample", "", answer, (), ())


def test_each_piece_of_text_is_a_line(monkeypatch: pytest.MonkeyPatch, written: list[str]) -> None:
    declared = make_command(monkeypatch, Status.ANSWERED, Status.BAD_NEWS)
    run_command(declared, FakeTarget(), [], written.append, Style({"error": "<"}))
    assert "".join(written) == "begin\n<ANSWERED\x1b[m\nbegin\n<BAD_NEWS\x1b[m\n"


def test_the_pieces_of_json_make_one_line_a_result(monkeypatch: pytest.MonkeyPatch, written: list[str]) -> None:
    declared = make_command(monkeypatch, Status.ANSWERED, Status.BAD_NEWS)
    run_command(declared, FakeTarget(), ["-json"], written.append, PLAIN)
    assert "".join(written) == '{"status": "ANSWERED"}\n{"status": "BAD_NEWS"}\n'


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ((), Status.ANSWERED),
        ((Status.BAD_NEWS, Status.ANSWERED), Status.BAD_NEWS),
        ((Status.INCOMPLETE, Status.BAD_NEWS), Status.INCOMPLETE),
    ],
)
def test_the_status_is_that_of_the_worst_result(
    monkeypatch: pytest.MonkeyPatch, written: list[str], answers: tuple[Status, ...], status: Status
) -> None:
    assert run_command(make_command(monkeypatch, *answers), FakeTarget(), [], written.append, PLAIN) is status


def test_what_was_answered_before_an_error_stays_written(monkeypatch: pytest.MonkeyPatch, written: list[str]) -> None:
    declared = make_command(monkeypatch, Status.ANSWERED, BadInput("enough"))
    with pytest.raises(BadInput, match="enough"):
        run_command(declared, FakeTarget(), [], written.append, PLAIN)
    assert "".join(written) == "begin\nANSWERED\n"


def test_every_command_has_a_renderer_of_its_own_name() -> None:
    commands = load_commands()
    assert [commands[module].name for module in MODULES] == list(MODULES)
    for declared in commands.values():
        renderer = find_renderer(declared)
        assert callable(renderer.iter_text)
        assert callable(renderer.iter_json)


# -output


def test_a_file_gets_the_answer_without_colours(
    monkeypatch: pytest.MonkeyPatch, written: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "answer"
    declared = make_command(monkeypatch, Status.BAD_NEWS)
    status = run_command(declared, FakeTarget(), ["-output", str(path)], written.append, Style({"error": "<"}))
    assert (status, written) == (Status.BAD_NEWS, [])
    assert path.read_text(encoding="utf-8") == "begin\nBAD_NEWS\n"


@pytest.mark.parametrize("error", [BadInput("enough"), KeyboardInterrupt(), RuntimeError()])
def test_after_an_error_the_file_is_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    path = tmp_path / "answer"
    path.write_text("before", encoding="utf-8")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("gdbext.frontend._write_results", fail)
    with pytest.raises(type(error)):
        run_command(make_command(monkeypatch), FakeTarget(), ["-output", str(path)], fail, PLAIN)
    assert path.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_files_are_the_owner_s_alone(tmp_path: Path) -> None:
    with replace_file(tmp_path / "text") as file:
        file.write("text")
    with replace_file(tmp_path / "binary", "wb") as file:
        file.write(b"\0")
    assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600, 0o600]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with replace_file(tmp_path / "link") as file:
        file.write("text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text(encoding="utf-8") == "text"


def test_a_device_is_written_in_place() -> None:
    with replace_file(Path("/dev/null")) as file:
        file.write("text")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("path", ["missing/file", ".", "file/below"])
def test_what_cannot_be_written_is_one_clear_line(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot write") as caught, replace_file(tmp_path / path) as file:
        file.write("text")
    assert "\n" not in str(caught.value)


def test_the_output_of_a_real_command_is_the_same_in_a_file(tmp_path: Path) -> None:
    target, builder = make_space()
    builder.map(0x1000, 0x8000_0000)
    shown, status = run(target, "maps -json")
    assert run(target, f"maps -json -output {tmp_path / 'maps'}") == ("", status)
    assert (tmp_path / "maps").read_text(encoding="utf-8") == shown
