"""Runs inside the GDB under test: the kernel's own log of its page faults, as one line of JSON."""

from __future__ import annotations

import json

import gdb

U64_MASK = (1 << 64) - 1


def read_log() -> dict[str, object]:
    """What fault_log holds, with addresses as the trace writes them."""
    log = gdb.parse_and_eval("fault_log")
    counters = ("faults", "region_faults", "table_pages", "pte_writes", "outside", "interrupts", "nested")
    answer: dict[str, object] = {name: int(log[name]) for name in counters}
    answer["records"] = [read_record(log["records"][seq]) for seq in range(int(log["faults"]))]
    return answer


def read_record(record: gdb.Value) -> dict[str, object]:
    writes = [record["writes"][number] for number in range(int(record["write_count"]))]
    return {
        "hart": int(record["hart"]),
        "cause": int(record["cause"]),
        "va": hex(int(record["va"]) & U64_MASK),
        "pc": hex(int(record["pc"]) & U64_MASK),
        "is_region": bool(int(record["is_region"])),
        "pages": [hex(int(record["pages"][number])) for number in range(int(record["page_count"]))],
        "writes": [(hex(int(w["pte_pa"])), int(w["level"]), hex(int(w["old"])), hex(int(w["new"]))) for w in writes],
    }


print(json.dumps(read_log()), flush=True)
