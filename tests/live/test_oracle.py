"""Our walk and verdict against QEMU's MMU, on random cases; `scripts/oracle` runs the same for longer."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace

import pytest

from gdbext.riscv.traps import Privilege
from scripts.qemu import ROOT
from tests.live.conftest import CROSS_COMPILE, need
from tests.mmu_probe.driver import Case, Probe, ProbeAccess, ProbeError
from tests.mmu_probe.oracle import Machine, Report, ask_oracle, machines_of, run_oracle

CASES = int(os.environ.get("SV39_ORACLE_CASES", "100000"))
FIXED_SEED = "sv39"
FRESH_SEED = secrets.token_hex(4)
# Every way in which a case can end; a generator that no longer reaches one of them would prove less than it says.
OUTCOMES = {
    "satp.MODE is Bare: no translation; answered",
    "satp.MODE is Bare: no translation; access fault",
    "step 0: the va is not canonical; page fault",
    "step 2: PMA: no memory where the table should be; access fault",
    "step 2: PMP bars the read of the PTE; access fault",
    "step 3: V=0; page fault",
    "step 3: a reserved encoding; page fault",
    "step 4: a non-leaf PTE at level 0; page fault",
    "step 5: a leaf PTE; answered",
    "step 5: a leaf PTE; page fault",
    "step 5: a leaf PTE; access fault",
    "step 6: a misaligned superpage; page fault",
}
# The rarest of them is one case in 200.
ENOUGH_FOR_ALL_OUTCOMES = 5000


@pytest.fixture(scope="module")
def qemu() -> str:
    """The system's QEMU, and what builds the probe."""
    need("qemu-system-riscv64", "make", f"{CROSS_COMPILE}gcc")
    return str(shutil.which("qemu-system-riscv64"))


@pytest.fixture(scope="module")
def backport(qemu: str) -> str:
    """The QEMU of Debian's backports, where it can be had."""
    fetched = subprocess.run([ROOT / "scripts" / "fetch-qemu-backport"], capture_output=True, text=True, check=False)
    if fetched.returncode != 0:
        pytest.skip(fetched.stderr.strip())
    return fetched.stdout.strip()


def ask_all(qemu: str, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    """`count` cases in all, shared out over the CPU models and the two seeds."""
    machines = machines_of(qemu)
    share = -(-count // (2 * len(machines)))
    for machine in machines:
        report = Report()
        for seed in (FIXED_SEED, FRESH_SEED):
            report.add(ask_oracle(qemu, machine, seed, share))
        said = f"-cpu {machine.cpu}, seeds {FIXED_SEED} and {FRESH_SEED}: {report.describe()}"
        with capsys.disabled():
            print(f"\noracle: {said}")
        assert not report.disagreements, said
        if report.cases >= ENOUGH_FOR_ALL_OUTCOMES:
            assert set(report.outcomes) == OUTCOMES, said


def test_walk_agrees_with_qemu(qemu: str, capsys: pytest.CaptureFixture[str]) -> None:
    ask_all(qemu, CASES, capsys)


def test_walk_agrees_with_the_backported_qemu(backport: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Svade and Svadu, which the QEMU of Debian bookworm does not have."""
    ask_all(backport, CASES // 2, capsys)


def with_svade(machine: Machine) -> Machine:
    return replace(machine, svade=True)


def with_svnapot(machine: Machine) -> Machine:
    return replace(machine, svnapot=True)


def with_svpbmt(machine: Machine) -> Machine:
    return replace(machine, svpbmt=True)


@pytest.mark.parametrize("misstate", [with_svade, with_svnapot, with_svpbmt])
def test_oracle_notices_a_wrong_rule(qemu: str, misstate: Callable[[Machine], Machine]) -> None:
    """The comparison has teeth: told that the hart has what it lacks, it disagrees."""
    machine = machines_of(qemu)[0]
    with Probe(qemu, machine.cpu) as probe:
        report = run_oracle(probe, misstate(machine), FIXED_SEED, 4000)
    assert report.disagreements
    assert "Case(" in report.describe()


def test_a_dead_qemu_is_an_error_with_its_words(qemu: str) -> None:
    with pytest.raises(ProbeError, match="no-such-cpu"), Probe(qemu, "no-such-cpu"):
        pass


def test_qemu_that_dies_under_a_batch_is_an_error(qemu: str) -> None:
    case = Case(0, 0x8110_0000, ProbeAccess.LOAD, Privilege.S)
    with Probe(qemu) as probe:
        assert probe.run([case])[0].answered_pa == case.va
        probe._process.kill()
        with pytest.raises(ProbeError, match="ended with status"):
            probe.run([case])
