"""What the sections of the benchmark share: a row of its table."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Row:
    """Some work, what it is measured against, the median time of both, and the ratio aimed for, if there is one."""

    section: str
    work: str
    milliseconds: float
    against: str
    reference_milliseconds: float
    at_most: float | None = None

    @property
    def ratio(self) -> float:
        return self.milliseconds / self.reference_milliseconds

    @property
    def is_reached(self) -> bool | None:
        """Whether the aim is reached; None where there is none."""
        return None if self.at_most is None else self.ratio <= self.at_most

    def as_json(self) -> dict[str, object]:
        return asdict(self) | {"ratio": self.ratio, "reached": self.is_reached}
