"""Boards other than virt: harts in clusters, which GDB sees as several inferiors, and harts without S-mode."""

from __future__ import annotations

from tests.live.conftest import Boot
from tests.live.debugger import debug

# GDB gives a cluster to each inferior.
SECOND_CLUSTER = "disconnect\ntarget extended-remote {stub}\nadd-inferior\ninferior 2\nattach 2"


def test_harts_of_two_clusters(boot: Boot) -> None:
    machine = boot(None, ram_file=False, extra=["-machine", "sifive_u", "-smp", "3"])
    root = 0x8100_0000
    transcript = debug(
        machine,
        SECOND_CLUSTER.format(stub=machine.stub),
        "sv39 satp -json",
        f"set {{long}}{root + 16} = 0x200000cf",
        f"set $satp = {8 << 60 | root >> 12:#x}",
        "sv39 satp -hart 1 -json",
        "sv39 walk -json 0x80001234",
        "inferior 1",
        "sv39 satp -json",
        "sv39 walk 0x80001234",
        "sv39 walk -json 0x80001234 -hart 1",
        elf=None,
    )
    before, of_hart_1, walk, from_cluster_1, refused, walk_of_hart_1 = (transcript[i] for i in (1, 4, 5, 7, 8, 9))
    assert [(hart["hart"], hart["mode"], hart["privilege"]) for hart in before.json()] == [
        (0, None, "M"),
        (1, "Bare", "M"),
        (2, "Bare", "M"),
    ]
    assert of_hart_1.json()[0]["mode"] == "Sv39"
    assert (walk.json()[0]["hart"], walk.json()[0]["levels"][0]["pte"]) == (1, "0x200000cf")
    assert [hart["mode"] for hart in from_cluster_1.json()] == [None, "Sv39", "Bare"]
    assert from_cluster_1.status == 0
    assert len(refused.lines) == 1
    assert "has no satp for hart 0" in refused.text
    assert walk_of_hart_1.text == walk.text


def test_spike_s_board(boot: Boot) -> None:
    machine = boot(None, ram_file=False, extra=["-machine", "spike"])
    satp, walk = debug(machine, "sv39 satp -json", "sv39 walk 0x80000000", elf=None)
    assert satp.json()[0]["mode"] == "Bare"
    assert walk.lines[0] == "va 0x0000000080000000   satp: Bare (hart 0)"
    # Nothing has to be assumed: this board's harts tell their options.
    assert "assumed" not in walk.text
