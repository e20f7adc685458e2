"""sv39 read, x and find: memory by physical and by virtual address."""

from __future__ import annotations

import json
import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbext.commands.declaration import Status
from gdbext.commands.x import parse_format
from gdbext.errors import BadInput, Sv39Error
from gdbext.render.x import format_character, format_float, format_value
from gdbext.tables.search import Search, Stretch
from tests.unit.fakes import RAM, FakeTarget, TableBuilder, make_space, run

PA = 0x8100_0000


def narrow(content: bytes) -> bytes:
    """The same with few different bytes, so that patterns occur."""
    return bytes(byte & 3 for byte in content)


@pytest.fixture
def space() -> tuple[FakeTarget, TableBuilder]:
    """Two pages that follow each other by va and lie apart by pa, and a page of a device behind them."""
    target, builder = make_space()
    builder.map(0x4000_0000, PA, "r")
    builder.map(0x4000_1000, PA + 0x5000, "rw")
    builder.map(0x4000_2000, 0x1000_0000, "rw")
    target.write_physical(PA, bytes(range(64)))
    target.write_physical(PA + 0xFF8, b"needle: ")
    target.write_physical(PA + 0x5000, b"haystack")
    target.symbols["message"] = 0x4000_0FF8
    return target, builder


class TestRead:
    def test_rows_of_sixteen_bytes(self, space: tuple[FakeTarget, TableBuilder]) -> None:
        text, status = run(space[0], f"read {PA + 0x30:#x} 24")
        assert status is Status.ANSWERED
        assert text == (
            "0x81000030: 30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f  0123456789:;<=>?\n"
            "0x81000040: 00 00 00 00 00 00 00 00                          ........\n"
        )

    def test_virtual_memory_says_where_it_lies(self, space: tuple[FakeTarget, TableBuilder]) -> None:
        text, _ = run(space[0], "read message 16 -va")
        assert text == (
            "0x40000ff8: 6e 65 65 64 6c 65 3a 20                          needle:           pa 0x81000ff8\n"
            "0x40001000: 68 61 79 73 74 61 63 6b                          haystack          pa 0x81005000\n"
        )

    def test_what_cannot_be_read_stands_in_its_place(self, space: tuple[FakeTarget, TableBuilder]) -> None:
        target = space[0]
        target.not_captured.add(PA + 0x5000)
        text, status = run(target, "read 0x40000ffc 0x3004 -va")
        assert status is Status.INCOMPLETE
        assert text.splitlines()[1:] == [
            "0x40001000: unreadable: pa 0x81005000, 4096 bytes: not in this file",
            "0x40002000: unreadable: pa 0x10000000, 4096 bytes: no RAM there",
            "0x40003000: unreadable: 4096 bytes: the level-0 PTE has V=0",
        ]

    def test_json_has_every_piece(self, space: tuple[FakeTarget, TableBuilder]) -> None:
        text, _ = run(space[0], "read message 16 -va -json")
        answer = json.loads(text)
        assert answer["complete"] is True
        assert [(p["va"], p["pa"], bytes.fromhex(p["bytes"])) for p in answer["pieces"]] == [
            ("0x40000ff8", "0x81000ff8", b"needle: "),
            ("0x40001000", "0x81005000", b"haystack"),
        ]

    @pytest.mark.parametrize(
        ("line", "complaint"),
        [
            (f"read {PA} 0", "the length is 0"),
            ("read 0xfffffffffffff0 0x20", "reach beyond the 56-bit addresses"),
            ("read 0xfffffffffffffff0 0x20 -va", "reach beyond the 64-bit addresses"),
            (f"read {PA} 1 -root 0x84000000", "go with -va"),
        ],
    )
    def test_complaints(self, space: tuple[FakeTarget, TableBuilder], line: str, complaint: str) -> None:
        with pytest.raises(BadInput, match=complaint):
            run(space[0], line)


class TestX:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            (f"x {PA + 4:#x}", "0x81000004:\t0x07060504\n"),
            (f"x /2gx {PA:#x}", "0x81000000:\t0x0706050403020100\t0x0f0e0d0c0b0a0908\n"),
            (f"x /3xb {PA:#x}", "0x81000000:\t0x00\t0x01\t0x02\n"),
            (f"x /5dw {PA:#x}", "0x81000000:\t50462976\t117835012\t185207048\t252579084\n0x81000010:\t319951120\n"),
            ("x /a 0x40000000 -va", "0x40000000:\t0x706050403020100\n"),
            ("x /2cb message -va", "0x40000ff8 <message>:\t110 'n'\t101 'e'\n"),
        ],
    )
    def test_lines(self, space: tuple[FakeTarget, TableBuilder], line: str, expected: str) -> None:
        assert run(space[0], line) == (expected, Status.ANSWERED)

    def test_a_unit_may_cross_into_another_page(self, space: tuple[FakeTarget, TableBuilder]) -> None:
        text, _ = run(space[0], "x /2gx 0x40000ffc -va")
        low, high = (f"0x{value:016x}" for value in struct.unpack("<QQ", b"le: haystack" + bytes(4)))
        assert text.splitlines()[0] == f"0x40000ffc <message+4>:\t{low}\t{high}"

    def test_units_that_cannot_be_read(self, space: tuple[FakeTarget, TableBuilder]) -> None:
        text, status = run(space[0], "x /3gx 0x40001ff8 -va")
        assert status is Status.INCOMPLETE
        assert text.splitlines() == [
            "0x40002000: unreadable: no RAM there",
            f"0x40001ff8:\t0x{0:016x}\t{'-' * 16}",
            f"0x40002008:\t{'-' * 16}",
        ]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", (1, "x", 4)),
            ("/4gx", (4, "x", 8)),
            ("/10db", (10, "d", 1)),
            ("/c", (1, "c", 1)),
            ("/2a", (2, "a", 8)),
            ("/fg", (1, "f", 8)),
            ("/f", (1, "f", 4)),
        ],
    )
    def test_formats(self, text: str, expected: tuple[int, str, int]) -> None:
        assert parse_format(text) == expected

    @pytest.mark.parametrize("text", ["/2i", "/s", "/0x", "/-3x", "/fb", "/4gxq", "/99999999999x"])
    def test_what_is_no_format(self, text: str) -> None:
        with pytest.raises(BadInput):
            parse_format(text)

    @pytest.mark.parametrize(
        ("content", "letter", "expected"),
        [
            (b"\xfc\xff", "d", "-4"),
            (b"\xfc\xff", "u", "65532"),
            (b"\x08", "o", "010"),
            (b"\0", "o", "0"),
            (b"\5", "t", "00000101"),
            (b"\5\0", "z", "0x0005"),
            (b"\xff" * 8, "a", "0xffffffffffffffff"),
        ],
    )
    def test_values(self, content: bytes, letter: str, expected: str) -> None:
        assert format_value(content, letter) == expected

    def test_characters_and_floats(self) -> None:
        assert [format_character(byte) for byte in (0x41, 0, 10, 0x27, 0x5C, 0xFF)] == [
            "65 'A'",
            "0 '\\000'",
            "10 '\\n'",
            "39 '\\''",
            "92 '\\\\'",
            "-1 '\\377'",
        ]
        assert format_float(struct.pack("<d", 0.1)) == "0.10000000000000001"
        assert format_float(struct.pack("<f", 1.5)) == "1.5"
        assert format_float(struct.pack("<I", 0x7FC00001)) == "nan(0x400001)"
        assert format_float(struct.pack("<d", float("-inf"))) == "-inf"


class TestFind:
    def test_a_string_over_the_border_of_two_pages(self, space: tuple[FakeTarget, TableBuilder]) -> None:
        text, status = run(space[0], "find -bytes 3a20686179")
        assert status is Status.ANSWERED
        assert text.splitlines() == [
            "va 0x0000000040000ffe <message+6>  pa 0x81000ffe",
            "1 match in 8K of mapped memory",
        ]

    def test_filters(self, space: tuple[FakeTarget, TableBuilder]) -> None:
        assert run(space[0], "find -string needle -perm w")[1] is Status.BAD_NEWS
        assert run(space[0], "find -string needle -from 0x40000ff9")[1] is Status.BAD_NEWS
        assert run(space[0], "find -string needle -to 0x40000ffe")[1] is Status.ANSWERED
        assert run(space[0], "find -string needle -to 0x40000ffd")[1] is Status.BAD_NEWS

    def test_values_of_each_size(self, space: tuple[FakeTarget, TableBuilder]) -> None:
        for size, value in (("b", 0x3F), ("h", 0x3F3E), ("w", 0x3F3E3D3C), ("g", 0x3F3E3D3C3B3A3938)):
            text, _ = run(space[0], f"find {value:#x} -size {size} -json")
            matches = json.loads(text)["matches"]
            offset = 0x40 - {"b": 1, "h": 2, "w": 4, "g": 8}[size]
            assert {"va": hex(0x4000_0000 + offset), "pa": hex(PA + offset), "symbol": None} in matches

    def test_a_negative_value(self, space: tuple[FakeTarget, TableBuilder]) -> None:
        space[0].write_physical(PA + 0x800, b"\xfe\xff\xff\xff")
        assert run(space[0], "find -size w 0xfffffffffffffffe")[1] is Status.ANSWERED
        with pytest.raises(BadInput, match="does not fit in 4 bytes"):
            run(space[0], "find -size w 0x100000000")

    def test_a_search_that_is_cut_short_says_so(self, space: tuple[FakeTarget, TableBuilder]) -> None:
        text, status = run(space[0], "find 0 -size b -max 5")
        assert status is Status.INCOMPLETE
        assert "incomplete: there are more than 5 matches; see -max" in text

    def test_what_the_file_does_not_hold_is_reported(self, space: tuple[FakeTarget, TableBuilder]) -> None:
        target = space[0]
        target.not_captured.add(PA + 0x5000)
        text, status = run(target, "find -string needle")
        assert status is Status.INCOMPLETE
        assert "incomplete: 4K are not in the file, first at pa 0x81005000" in text
        assert json.loads(run(target, "find -string needle -json")[0])["not_in_file"] == [
            {"pa": "0x81005000", "size": 4096}
        ]

    def test_physical_memory(self) -> None:
        target = FakeTarget(regions=[RAM.__class__(0x8000_0000, 0x8010_0000, "ram", True)])
        target.write_physical(0x8000_1FFE, b"ab")
        target.write_physical(0x8000_2000, b"cd")
        text, status = run(target, "find -physical -string abcd")
        assert (text.splitlines()[0], status) == ("pa 0x80001ffe", Status.ANSWERED)

    @pytest.mark.parametrize("line", ["find", "find 1 -string x", "find -bytes 123", "find -bytes zz", "find 1 -max 0"])
    def test_complaints(self, space: tuple[FakeTarget, TableBuilder], line: str) -> None:
        with pytest.raises(Sv39Error):
            run(space[0], line)

    @given(
        memory=st.binary(min_size=256, max_size=256).map(narrow),
        pattern=st.binary(min_size=1, max_size=6).map(narrow),
        borders=st.sets(st.integers(1, 255), max_size=3),
    )
    def test_stretches_make_no_difference(self, memory: bytes, pattern: bytes, borders: set[int]) -> None:
        """However memory is cut, as long as the parts are longer than the pattern, all matches are found."""
        target = FakeTarget()
        target.write_physical(PA, memory)
        cuts = [0, *sorted(border & ~15 for border in borders), len(memory)]
        stretches = [Stretch(low, PA + low, high - low) for low, high in pairwise(cuts) if high > low]
        hits = [hit.address for hit in Search(target, stretches, pattern).iter_hits()]
        expected = [at for at in range(len(memory)) if memory.startswith(pattern, at)]
        assert hits == expected
