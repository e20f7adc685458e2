"""The shell front end: which words mean what, what goes where, and the exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from gdbext import __version__, open_core
from gdbext.cli import main
from gdbext.errors import BadFile, BadInput, NotCaptured
from gdbext.target.corefile import iter_write_core
from gdbext.target.corenotes import Facts
from tests.unit.target.cores import RAM_PA, make_hart, make_tables, write_small_core

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def core(tmp_path: Path) -> str:
    path = tmp_path / "small.core"
    write_small_core(path)
    return str(path)


class Shell:
    """Runs command lines in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        status = main(words)
        captured = self.capsys.readouterr()
        return status, captured.out, captured.err


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


class TestWords:
    def test_the_core_comes_first_and_then_what_one_types_in_gdb(self, shell: Shell, core: str) -> None:
        status, out, err = shell(core, "walk", "0x80001234", "-hart", "0", "-access", "load", "-priv", "S")
        assert (status, err) == (0, "")
        assert out.splitlines()[-2] == "  load from S: ok, pa 0x80001234"

    def test_options_take_two_dashes_too(self, shell: Shell, core: str) -> None:
        assert shell(core, "maps", "--hart", "0", "--json") == shell(core, "maps", "-hart", "0", "-json")

    def test_words_that_are_one_expression_are_joined(self, shell: Shell, core: str) -> None:
        spaced = shell(core, "walk", "$pc", "+", "0x1000", "-hart", "0")
        assert spaced[0] == 0
        assert spaced == shell(core, "walk", "$pc+0x1000", "-hart", "0")

    def test_a_format_sticks_to_its_command(self, shell: Shell, core: str) -> None:
        [root] = make_tables()[0].read_pages([0x8400_0000])
        assert isinstance(root, bytes)
        values = "\t".join(f"0x{int.from_bytes(root[offset : offset + 8], 'little'):016x}" for offset in (16, 24))
        assert shell(core, "x/2gx", "0x84000010") == (0, f"0x84000010:\t{values}\n", "")

    def test_commands_abbreviate(self, shell: Shell, core: str) -> None:
        assert shell(core, "wal", "0x80000000", "-hart", "0") == shell(core, "walk", "0x80000000", "-hart", "0")

    def test_commands_that_need_no_machine_need_no_core(self, shell: Shell) -> None:
        status, out, err = shell("split", "0x80201000", "-json")
        assert (status, err) == (0, "")
        assert json.loads(out.splitlines()[0])["schema"].startswith("sv39.split/")

    @pytest.mark.parametrize("place", range(3))
    def test_the_shells_own_options_may_stand_anywhere(self, shell: Shell, core: str, place: int) -> None:
        words = [core, "tables", "-hart", "0", "-json"]
        position = (0, 1, 5)[place]
        words[position:position] = ["-table-region", "0x1000", "+0x1000"]
        assert shell(*words)[0] == 0

    def test_a_raw_image_of_ram(self, shell: Shell, tmp_path: Path) -> None:
        target, builder = make_tables()
        image = tmp_path / "ram.bin"
        image.write_bytes(target.read_physical(builder.root_pa, builder.next_free - builder.root_pa))
        root = hex(builder.root_pa)
        status, out, err = shell(str(image), "-base", root, "maps", "-root", root)
        assert (status, err) == (0, "")
        assert "0x0000000080000000-0x0000000080008000" in out

    def test_a_file_may_have_the_name_of_a_command(
        self, shell: Shell, core: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = Path(core)
        monkeypatch.chdir(path.parent)
        path.rename("walk")
        assert shell("walk", "satp")[0] == 0


class TestHelp:
    @pytest.mark.parametrize("words", [(), ("help",), ("--help",), ("-h",)])
    def test_usage_names_every_command(self, shell: Shell, words: tuple[str, ...]) -> None:
        status, out, err = shell(*words)
        assert (status, err) == (0, "")
        assert out.startswith("Usage: sv39 CORE COMMAND")
        for name in ("walk", "maps", "roots", "core", "diff"):
            assert f"\n  {name} " in out

    def test_help_on_a_command_with_and_without_a_core(self, shell: Shell) -> None:
        status, out, _ = shell("help", "walk")
        assert status == 0
        assert out.startswith("Walk the page tables")
        assert shell("no.core", "help", "walk") == (0, out, "")

    def test_version(self, shell: Shell) -> None:
        assert shell("--version") == (0, f"sv39 {__version__}\n", "")


class TestStatus:
    def test_bad_news(self, shell: Shell, core: str) -> None:
        assert shell(core, "walk", "0", "-hart", "0")[0] == 1

    def test_incomplete(self, shell: Shell, core: str) -> None:
        status, out, _ = shell(core, "maps", "-root", "0x80000000")
        assert status == 3
        assert "not in this core" in out

    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            (("{core}",), "which command?"),
            (("{core}", "wlak", "0"), 'there is no sv39 command "wlak"'),
            (("{core}", "walk", "kernel_main"), 'there is no symbol "kernel_main": symbols come from'),
            (("{core}", "walk", "$mtval"), "$mtval is not known here"),
            (("{core}", "walk", "0", "-hart", "7"), "there is no hart 7"),
            (("{core}", "walk", "0", "-elf"), "-elf lacks its value"),
            (("{core}", "walk", "0", "-elf", "{core}"), "is a core; symbols are in the ELF file of the kernel"),
            (("{core}", "walk", "0", "-elf", "/dev/null"), "/dev/null is not a regular file"),
            (("{core}", "maps", "-base", "nowhere"), 'no symbol "nowhere"'),
            (("{core}.gone", "maps"), "cannot open"),
            (("walk", "0"), "sv39 walk needs a machine: sv39 CORE walk ..."),
            (("{core}", "tables", "-table-region", "9", "8"), "is empty: END lies after START"),
            (("{core}", "maps", "-output", "/nowhere/at/all"), "cannot write /nowhere/at/all"),
        ],
    )
    def test_a_wrong_question_is_one_line_on_stderr(
        self, shell: Shell, core: str, words: tuple[str, ...], complaint: str
    ) -> None:
        status, out, err = shell(*(word.format(core=core) for word in words))
        assert (status, out) == (2, "")
        assert complaint in err
        assert err.startswith("sv39: ")
        assert err.count("\n") == 1

    def test_live_only_commands_say_where_they_work(self, shell: Shell, core: str) -> None:
        from gdbext.frontend import load_commands

        for command in load_commands().values():
            if command.live_only:
                assert shell(core, command.name)[2] == (
                    f"sv39: sv39 {command.name} needs a running machine: use it in GDB\n"
                )


class TestOutput:
    def test_a_file_is_written_whole_and_for_its_owner(self, shell: Shell, core: str, tmp_path: Path) -> None:
        path = tmp_path / "maps.json"
        expected = shell(core, "maps", "-hart", "0", "-json")[1]
        assert shell(core, "maps", "-hart", "0", "-json", "-output", str(path)) == (0, "", "")
        assert path.read_text() == expected
        assert path.stat().st_mode & 0o777 == 0o600

    def test_a_device_is_written_in_place(self, shell: Shell, core: str) -> None:
        assert shell(core, "satp", "-output", os.devnull)[0] == 0
        assert Path(os.devnull).is_char_device()

    def test_a_reader_that_has_seen_enough(self, core: str) -> None:
        """The pipe is closed before the first line comes."""
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as closed:
            assert run_into(closed, core, "maps", "-hart", "0") == (3, "")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
    def test_a_full_disk(self, core: str) -> None:
        with open("/dev/full", "w") as full:
            complaint = "sv39: cannot write the answer: No space left on device\n"
            assert run_into(full, core, "maps", "-hart", "0") == (2, complaint)


def run_into(output: IO[str], *words: str) -> tuple[int, str]:
    """The status and the complaints of a shell command that writes its answer to `output`."""
    ran = subprocess.run(
        [sys.executable, "-m", "gdbext", *words],
        cwd=ROOT,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stderr


def peak_memory(*words: str) -> int:
    """The peak memory in KiB of a shell command that succeeds."""
    code = (
        "import resource, sys; from gdbext.cli import main; status = main(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(status)"
    )
    ran = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), ran.stderr
    return int(ran.stderr)


@pytest.mark.parametrize("command", ["maps", "tables", "lint", "roots"])
def test_memory_does_not_grow_with_the_core(tmp_path: Path, command: str) -> None:
    """Listing a core of 1 GiB takes memory for the tables and the answer, not for the core."""
    target, builder = make_tables()
    harts = [make_hart(0, satp=builder.satp, mstatus=0)]
    peaks = []
    for size in (64 << 20, 1 << 30):
        path = tmp_path / f"{size}.core"
        ranges = [(builder.root_pa, builder.root_pa + size)]
        zeros = bytes(1 << 20)

        def read(pa: int, length: int, zeros: bytes = zeros) -> bytes:
            return zeros[:length] if pa > builder.root_pa else target.read_physical(pa, length)

        for _ in iter_write_core(path, harts, Facts(), ranges, read):
            pass
        peaks.append(peak_memory(str(path), command))
        path.unlink()
    assert peaks[1] < peaks[0] + (4 << 10)


class TestPython:
    def test_the_example(self, tmp_path: Path) -> None:
        path = tmp_path / "small.core"
        write_small_core(path)
        with open_core(path) as core:
            assert core.harts == (0, 1)
            assert core.read_csr(0, "satp") == make_tables()[1].satp
            assert core.walk("$pc", hart=0)["pa"] == hex(RAM_PA + 4)
            assert [m["flags"] for m in core.maps(perm="x", hart=0)["maps"]] == ["r-x--a-"]
            assert core.maps(from_=0x8000_1000, to="0x80002000", hart=0)["maps"][0]["size"] == 0x1000
            assert {table["pa"] for table in core.tables(hart=0)["tables"]} == {
                hex(make_tables()[1].root_pa + number * 0x1000) for number in range(4)
            }
            assert core.lint(hart=0)["complete"]
            assert core.ask("rmap", 0x8000_1000, hart=0)[0]["vas"][0]["va"] == "0x80001000"
            with pytest.raises(NotCaptured):
                core.read_physical(RAM_PA, 1)
            with pytest.raises(BadInput, match="no hart 5"):
                core.read_csr(5, "satp")

    def test_a_file_that_is_no_core(self, tmp_path: Path) -> None:
        with pytest.raises(BadFile, match="cannot open"):
            open_core(tmp_path / "none")
