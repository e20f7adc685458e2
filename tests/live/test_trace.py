"""The deep trace of the sample kernel's scenarios, against the log of its faults that the kernel keeps itself."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.live.conftest import CROSS_COMPILE, Boot, need
from tests.live.debugger import Transcript, debug

KERNEL_LOG = Path(__file__).with_name("gdb_fault_log.py")
UART_LINE = re.compile(r"region_faults=(\d+) table_pages=(\d+) pte_writes=(\d+) outside=(\d+)")

Fault = dict[str, Any]


def read_lines(path: Path) -> list[Fault]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def traced_to_the_end(boot: Boot, path: Path, append: str, *commands: str, **options: Any) -> tuple[list[Fault], Any]:
    """The saved trace of a scenario that is stopped just before its end, and the kernel's own log of the run."""
    machine = boot(append=append, **options)
    transcript = debug(
        machine,
        "hbreak end_machine",
        *commands,
        "sv39 trace run -quiet",
        f"sv39 trace save {path}",
        f"source {KERNEL_LOG}",
    )
    return sorted(read_lines(path), key=lambda fault: fault["seq"]), transcript[-1].json()[0]


def facts(fault: Fault) -> Fault:
    """Of a traced fault what the kernel logs too."""
    return {
        "hart": fault["hart"],
        "cause": fault["cause"],
        "va": fault["va"],
        "pc": fault["pc"],
        "pages": sorted(page["pa"] for page in fault["pages_allocated"]),
        "writes": sorted(
            (write["pte_pa"], write["level"], write["old"], write["new"]) for write in fault["pte_writes"]
        ),
    }


def kernel_facts(record: Fault) -> Fault:
    keys = ("hart", "cause", "va", "pc")
    return {key: record[key] for key in keys} | {
        "pages": sorted(record["pages"]),
        "writes": sorted(tuple(write) for write in record["writes"]),
    }


@pytest.mark.parametrize(
    "append",
    ["", "double", "far", "outside", "tamper", "churn 20", "exhausted 3", "interrupts 4", "vectored 4", "recursion"],
)
def test_every_fault_is_what_the_kernel_logs(boot: Boot, tmp_path: Path, append: str) -> None:
    faults, log = traced_to_the_end(boot, tmp_path / "faults", append)
    assert [facts(fault) for fault in faults] == [kernel_facts(record) for record in log["records"]]
    assert [fault["in_region"] for fault in faults] == [record["is_region"] for record in log["records"]]
    assert sum(len(fault["pte_writes"]) for fault in faults) == log["pte_writes"]
    assert sum(len(fault["pages_allocated"]) for fault in faults) == log["table_pages"]


def test_two_harts_do_not_mix(boot: Boot, tmp_path: Path) -> None:
    faults, log = traced_to_the_end(boot, tmp_path / "faults", "smp 6", extra=["-smp", "2"])
    assert {fault["hart"] for fault in faults} == {0, 1}

    def by_va(fault: Fault) -> str:
        return str(fault["va"])

    assert sorted(map(facts, faults), key=by_va) == sorted(map(kernel_facts, log["records"]), key=by_va)
    assert all(fault["outcome"] in ("retried", "unfinished") for fault in faults)


def run_to_its_end(boot: Boot, append: str, *commands: str, **options: Any) -> tuple[Transcript, str]:
    """A trace until QEMU is gone, and the line in which the kernel counts its faults."""
    machine = boot(append=append, **options)
    transcript = debug(machine, "sv39 trace run", *commands)
    assert machine.wait() is not None
    return transcript, machine.read_uart()


@pytest.mark.parametrize(
    ("append", "outcomes"),
    [
        ("", ["retried"]),
        ("double", ["retried", "retried"]),
        ("outside", ["retried", "ended"]),
        ("no-dirty-d", ["retried"]),
    ],
)
def test_a_run_ends_with_the_machine(boot: Boot, tmp_path: Path, append: str, outcomes: list[str]) -> None:
    path = tmp_path / "faults"
    transcript, uart = run_to_its_end(boot, append, f"sv39 trace save {path}", "sv39 trace summary -json")
    faults = read_lines(path)
    assert [fault["outcome"] for fault in faults] == outcomes
    assert transcript[0].status == (0 if set(outcomes) == {"retried"} else 1)
    summary = transcript[2].json()[0]
    counted = UART_LINE.search(uart)
    assert counted is not None
    keys = ("region_faults", "pages_allocated", "pte_writes", "outside")
    assert [summary[key] for key in keys] == [int(number) for number in counted.groups()]


def test_a_double_fault_is_one_chain(boot: Boot, tmp_path: Path) -> None:
    path = tmp_path / "faults"
    run_to_its_end(boot, "double", f"sv39 trace save {path}")
    assert [(fault["seq"], fault["chain"]) for fault in read_lines(path)] == [(1, 1), (2, 1)]


NO_PROGRESS: list[tuple[str, str, Callable[[Fault], str]]] = [
    ("no-map", "nothing-written", lambda fault: "the handler wrote no PTE: the level-0 PTE has V=0"),
    (
        "wrong-va",
        "wrong-va",
        lambda fault: (
            f"no leaf on the path of {fault['va']} was written: the level-0 PTE @{fault['pte_writes'][0]['pte_pa']} "
            f"maps {int(fault['va'], 16) + 0x1000:#x}"
        ),
    ),
    (
        "wrong-level",
        "wrong-level",
        lambda fault: (
            f"the path of {fault['va']} ends in no page: the level-1 PTE @{fault['pte_writes'][0]['pte_pa']} maps "
            "0x84200000 to 0x84400000; the level-1 leaf is misaligned: PPN[0] of a superpage must be 0"
        ),
    ),
    (
        "no-dirty",
        "permission",
        lambda fault: "the PTE is valid now, but a permission is missing: the level-0 PTE has W=0",
    ),
    (
        "dirty-page",
        "rubbish",
        lambda fault: (
            f"the table page {fault['pages_allocated'][0]['pa']} came back with rubbish in it: the level-0 PTE has W=0"
        ),
    ),
]


@pytest.mark.parametrize(("append", "kind", "describe"), NO_PROGRESS, ids=[case[0] for case in NO_PROGRESS])
def test_no_progress_is_noticed(
    boot: Boot, tmp_path: Path, append: str, kind: str, describe: Callable[[Fault], str]
) -> None:
    path = tmp_path / "faults"
    machine = boot(append=append)
    transcript = debug(machine, "sv39 trace run", f"sv39 trace save {path}", f"source {KERNEL_LOG}")
    faults, log = read_lines(path), transcript[-1].json()[0]
    rounds = [fault for fault in faults if (fault["pc"], fault["va"]) == (faults[-1]["pc"], faults[-1]["va"])]
    assert [fault["outcome"] for fault in rounds] == ["refaulted", "refaulted", "unfinished"]
    text = describe(rounds[0])
    assert {"kind": kind, "text": text} in rounds[-1]["notices"]
    stopped = f"no progress: hart 0 faulted 3 times at pc {rounds[0]['pc']} for va {rounds[0]['va']}: {text}"
    assert stopped in transcript[0].lines
    assert transcript[0].status == 1
    assert [fault["va"] for fault in faults] == [record["va"] for record in log["records"]]
    assert sum(len(fault["pte_writes"]) for fault in faults) == log["pte_writes"]


def test_recursion_is_named(boot: Boot, tmp_path: Path) -> None:
    path = tmp_path / "faults"
    run_to_its_end(boot, "recursion", f"sv39 trace save {path}")
    (fault,) = read_lines(path)
    (notice,) = (notice for notice in fault["notices"] if notice["kind"] == "recursion")
    found = re.fullmatch(
        r"(\w+) <- (\w+) <- (\w+) comes (\d+) times in a backtrace of (\d+) frames; each round wants one more page "
        r"\(map_virtual_address_to_physical_address's va\), from the innermost on: (.*) and so on to (\S+)",
        notice["text"],
    )
    assert found is not None, notice["text"]
    assert set(found.groups()[:3]) == {"map_virtual_address_to_physical_address", "kalloced_table", "next_table"}
    # Pages are taken one after the other, so that the rounds can be counted by them.
    first, last = int(found[6].split(", ")[0], 16), int(found[7], 16)
    assert (first - last) // 0x1000 + 1 == int(found[4])
    assert fault["outcome"] == "ended"


def test_a_page_handed_out_twice_is_noticed(boot: Boot, tmp_path: Path) -> None:
    path = tmp_path / "faults"
    run_to_its_end(boot, "no-fence", f"sv39 trace save {path}")
    first, second = read_lines(path)
    (page,) = second["pages_allocated"]
    assert page["pa"] == first["pages_allocated"][0]["pa"]
    text = f"the page {page['pa']} was handed out twice: it already is the level-0 table for 0x90000000"
    assert {"kind": "reused-page", "text": text} in second["notices"]


def test_two_harts_without_a_lock(boot: Boot, tmp_path: Path) -> None:
    path = tmp_path / "faults"
    run_to_its_end(boot, "smp-no-lock", f"sv39 trace save {path}", extra=["-smp", "2"])
    faults = read_lines(path)
    assert {fault["va"] for fault in faults} == {faults[0]["va"]}
    assert any(notice["kind"] == "reused-page" for fault in faults for notice in fault["notices"])


def test_outside_says_what_is_near(boot: Boot, tmp_path: Path) -> None:
    path = tmp_path / "faults"
    run_to_its_end(boot, "outside", f"sv39 trace save {path}")
    (notice,) = (notice for notice in read_lines(path)[-1]["notices"] if notice["kind"] == "outside")
    assert notice["text"].startswith("0x40000000 is outside the page-table region; ")
    assert "the nearest mapping below ends at 0x10001000, 767M before it" in notice["text"]


def test_the_users_breakpoint_in_the_handler_still_stops(boot: Boot, tmp_path: Path) -> None:
    path = tmp_path / "faults"
    machine = boot(append="double")
    transcript = debug(
        machine,
        "hbreak handle_page_fault",
        "sv39 trace run",
        "info symbol $pc",
        "sv39 trace run",
        "delete",
        "sv39 trace run",
        f"sv39 trace save {path}",
    )
    assert "handle_page_fault" in transcript[2].text
    assert "fault 1 " in transcript[3].text
    assert [fault["outcome"] for fault in read_lines(path)] == ["retried", "retried"]


def test_start_and_stop_around_a_continue(boot: Boot) -> None:
    machine = boot(append="double")
    transcript = debug(
        machine,
        "sv39 trace start",
        "hbreak supervisor_main",
        "continue",
        "sv39 trace start",
        "hbreak end_machine",
        "continue",
        "sv39 trace stop",
        "sv39 trace summary -json",
        keeps_breakpoints=True,
    )
    assert "mtvec is not set yet" in transcript[0].text
    assert "fault 2 " in transcript[5].text
    assert transcript[-1].json()[0]["faults"] == 2
    assert len(transcript[6].breakpoints) == 2


def test_start_with_two_harts(boot: Boot) -> None:
    machine = boot(append="smp 4", extra=["-smp", "2"])
    transcript = debug(
        machine,
        "hbreak supervisor_main",
        "continue",
        "delete",
        "hbreak end_machine",
        "sv39 trace start",
        "continue",
        "sv39 trace stop",
        "sv39 trace summary -json",
        "show osabi",
        keeps_breakpoints=True,
    )
    assert transcript[7].json()[0]["harts"] == {"0": 4, "1": 4}
    assert '"auto"' in transcript[8].text


def test_count_and_until(boot: Boot) -> None:
    machine = boot(append="churn 20")
    transcript = debug(
        machine,
        "sv39 trace run -quiet -count 3",
        "sv39 trace summary -json",
        "sv39 trace run -quiet -until fault_log.faults==10",
        "sv39 trace summary -json",
    )
    assert transcript[1].json()[0]["outcomes"]["retried"] == 3
    assert transcript[3].json()[0]["faults"] >= 10


def test_show_needs_no_target(boot: Boot, tmp_path: Path) -> None:
    path = tmp_path / "faults"
    transcript, _ = run_to_its_end(boot, "double", "sv39 trace show 2", f"sv39 trace save {path}")
    later = debug(None, f"sv39 trace load {path}", "sv39 trace show 2", f"sv39 trace summary -file {path}", elf=None)
    assert later[1].text == transcript[1].text
    assert later[1].text.startswith("fault 2 ")


def test_the_same_run_gives_the_same_file(boot: Boot, tmp_path: Path) -> None:
    paths = [tmp_path / "one", tmp_path / "other"]
    for path in paths:
        run_to_its_end(boot, "interrupts 6", f"sv39 trace save {path}", extra=["-icount", "shift=0"])
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].stat().st_size > 0


@pytest.fixture(scope="session")
def delegating_kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kernel that handles page faults in S-mode and sets stvec late."""
    need(f"{CROSS_COMPILE}gcc")
    path = tmp_path_factory.mktemp("guest") / "delegated.elf"
    flags = "-march=rv64ima_zicsr_zifencei -mabi=lp64 -g -nostdlib -static -Ttext=0x80000000".split()
    source = Path(__file__).with_name("guests") / "delegated.S"
    subprocess.run([f"{CROSS_COMPILE}gcc", *flags, "-o", str(path), str(source)], check=True)
    return path


def test_a_kernel_that_handles_its_faults_in_s_mode(boot: Boot, delegating_kernel: Path, tmp_path: Path) -> None:
    path = tmp_path / "faults"
    debug(boot(delegating_kernel), "sv39 trace run", f"sv39 trace save {path}", elf=delegating_kernel)
    first, second = read_lines(path)
    assert [fault["privilege"] for fault in (first, second)] == [0, 0]
    assert [fault["va"] for fault in (first, second)] == ["0x40000008", "0x40001010"]
    assert [fault["outcome"] for fault in (first, second)] == ["retried", "retried"]
    assert [(write["level"], write["pte_pa"]) for write in first["pte_writes"]] == [
        (2, "0x80100008"),
        (1, "0x80101000"),
        (0, "0x80102000"),
    ]
    assert [(page["pa"], page["level"]) for page in first["pages_allocated"]] == [("0x80101000", 1), ("0x80102000", 0)]
    assert [write["pte_pa"] for write in second["pte_writes"]] == ["0x80102008"]
    assert first["handler"]["entry_symbol"] == "supervisor_trap"


def test_without_symbols(boot: Boot, tmp_path: Path) -> None:
    with_symbols, without = tmp_path / "with", tmp_path / "without"
    run_to_its_end(boot, "far", f"sv39 trace save {with_symbols}")
    debug(
        boot(append="far"),
        "set sv39 table-region 0x84000000 +0x400000",
        "sv39 trace run",
        f"sv39 trace save {without}",
        elf=None,
    )
    assert [facts(fault) for fault in read_lines(without)] == [facts(fault) for fault in read_lines(with_symbols)]


def test_the_log_counts_what_the_deep_trace_sees(boot: Boot) -> None:
    icount = ["-icount", "shift=0"]
    deep = debug(boot(append="interrupts 6", extra=icount), "sv39 trace run -quiet", "sv39 trace summary -json")
    log = debug(boot(append="interrupts 6", extra=icount), "sv39 trace -log -json")
    summary, counts = deep[1].json()[0], log[0].json()[0]
    for key in ("faults", "region_faults", "outside", "harts"):
        assert counts[key] == summary[key], key
    assert {hex(int(cause)): count for cause, count in summary["causes"].items()} == {
        cause: count for cause, count in counts["causes"].items() if cause in ("0xc", "0xd", "0xf")
    }
    assert counts["causes"]["0x8000000000000007"] > 0


def test_the_log_is_off_again(boot: Boot) -> None:
    machine = boot(append="double")
    transcript = debug(machine, "hbreak supervisor_main", "continue", "hbreak end_machine", "sv39 trace -log -json")
    answer = json.loads(transcript[3].lines[-1])
    assert answer["region_faults"] == 2
    assert answer["tables"] == "6 table pages before, 8 now; 5 PTEs changed, 2 pages came into use"


def test_ten_thousand_faults_in_flat_memory(boot: Boot) -> None:
    script = Path(__file__).with_name("gdb_memory.py")
    machine = boot(append="churn 10000")
    transcript = debug(
        machine,
        "sv39 trace run -quiet -count 1000",
        f"source {script}",
        "sv39 trace run -quiet",
        f"source {script}",
        "sv39 trace summary -json",
        patience=1200,
    )
    early, late = (int(transcript[number].text) for number in (1, 3))
    summary = transcript[4].json()[0]
    assert (summary["faults"], summary["outcomes"]) == (10000, {"retried": 10000})
    assert late < early * 1.1, f"GDB grew from {early} to {late} KiB"


def test_an_interrupt_ends_a_run(boot: Boot, tmp_path: Path) -> None:
    """Ctrl-C, sent once the trace is under way: what was seen is kept, nothing of ours stays."""
    path = tmp_path / "faults"
    machine = boot(append="churn 100000000")
    commands = (
        "python import os, signal, threading, gdbext.live.tracing as tracing",
        # The signal comes from the trace itself, so that no time has to be guessed.
        "python add = tracing.ProgressOutput.add",
        "python tracing.ProgressOutput.add = lambda output, record: "
        "(add(output, record), os.kill(os.getpid(), signal.SIGINT) if record.seq == 5 else None)[0]",
        "sv39 trace run -quiet",
        f"sv39 trace save {path}",
        "sv39 trace run -quiet -count 2",
    )
    transcript = debug(machine, *commands)
    assert len(read_lines(path)) >= 5
    assert all(fault["outcome"] in ("retried", "unfinished") for fault in read_lines(path))
    assert "stopped after fault" in transcript[5].text


@pytest.mark.parametrize("transport", ["file", "process", "stub"])
def test_every_transport_sees_the_same(boot: Boot, tmp_path: Path, transport: str) -> None:
    path = tmp_path / "faults"
    run = traced_to_the_end(boot, path, "far", f"set sv39 transport {transport}", "show sv39 transport")
    faults, log = run
    assert [facts(fault) for fault in faults] == [kernel_facts(record) for record in log["records"]]
    assert [page["zeroed"] for page in faults[0]["pages_allocated"]] == [True, True]
