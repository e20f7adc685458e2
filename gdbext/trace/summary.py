"""What a whole trace comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from gdbext.trace.record import FaultOutcome, FaultRecord

GOOD_OUTCOMES = (FaultOutcome.RETRIED, FaultOutcome.NEXT_TABLE)


@dataclass
class Summary:
    """Counts over the records of a trace. `region_faults` and `outside` stay 0 where no region was known."""

    faults: int = 0
    region_faults: int = 0
    outside: int = 0
    pages_allocated: int = 0
    pte_writes: int = 0
    chains: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    causes: Counter[int] = field(default_factory=Counter)
    harts: Counter[int] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    notices: Counter[str] = field(default_factory=Counter)

    @property
    def is_good(self) -> bool:
        """Whether every fault was followed by a retry that worked or came further."""
        return all(FaultOutcome(outcome) in GOOD_OUTCOMES for outcome in self.outcomes)

    def add(self, record: FaultRecord) -> None:
        self.faults += 1
        self.region_faults += record.in_region is True
        self.outside += record.in_region is False
        self.pages_allocated += len(record.pages_allocated)
        self.pte_writes += len(record.pte_writes)
        self.chains += record.chain != record.seq
        self.outcomes[record.outcome.value] += 1
        self.causes[record.cause] += 1
        self.harts[record.hart] += 1
        self.places[record.place.symbol or hex(record.pc)] += 1
        self.notices.update(notice.kind for notice in record.notices)


def summarize(records: Iterable[FaultRecord]) -> Summary:
    """The summary of all `records`."""
    summary = Summary()
    for record in records:
        summary.add(record)
    return summary
