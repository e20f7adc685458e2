"""`sv39 watch` on the sample kernel: whoever writes a PTE of the path, M-mode or S-mode."""

from __future__ import annotations

from tests.live.conftest import Boot
from tests.live.debugger import debug

REGION_VA = "0x843ff000"
NEW_VA = "0x90000000"


def test_every_write_to_the_path_stops(boot: Boot) -> None:
    transcript = debug(
        boot(append="far"),
        "hbreak supervisor_main",
        "continue",
        f"sv39 watch {REGION_VA} -json",
        f"sv39 watch {REGION_VA} -json",
        f"sv39 watch {NEW_VA} -json",
        f"sv39 watch {NEW_VA}",
        "sv39 walk 0x90000000 -json",
    )
    by_m_pointer, by_m_leaf, by_s_pointer = (answer.json()[0] for answer in transcript[2:5])
    for found, level, privilege in ((by_m_pointer, 1, 3), (by_m_leaf, 0, 3), (by_s_pointer, 1, 1)):
        (write,) = found["pte_writes"]
        assert (write["level"], found["privilege"], found["hart"]) == (level, privilege, 0)
        assert write["old"] == "0x0"
        assert int(write["new"], 16) & 1
        assert found["at_write"]
    assert any(name.startswith("map_virtual_address_to_physical_address+") for name in by_s_pointer["backtrace"])
    assert any(name.startswith("machine_trap+") for name in by_m_leaf["backtrace"])
    # The table for the new va lies in the page that M-mode has just mapped: an alias that came while we watched.
    assert "written by hart 0 in S-mode, just before" in transcript[5].text
    assert transcript[5].status == 0
    assert transcript[6].json()[0]["pa"] is not None


def test_a_path_that_never_changes(boot: Boot) -> None:
    transcript = debug(boot(), "hbreak supervisor_main", "continue", "sv39 watch supervisor_main")
    assert "the machine has ended, and the path did not change" in transcript[2].lines
    assert transcript[2].status == 1


def test_the_users_breakpoint_ends_a_watch(boot: Boot) -> None:
    transcript = debug(
        boot(), "hbreak supervisor_main", "continue", "hbreak handle_page_fault", "sv39 watch supervisor_main"
    )
    assert "the machine has stopped, and the path did not change" in transcript[3].lines


def test_what_cannot_be_watched(boot: Boot) -> None:
    commands = ("sv39 watch 0x90000000", "hbreak supervisor_main", "continue", "sv39 watch 0x4000000000000")
    transcript = debug(boot(), *commands)
    assert "satp is Bare" in transcript[0].text
    assert transcript[3].lines == ["0x4000000000000 is not canonical: no PTE is on its path"]
