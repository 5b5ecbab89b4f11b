"""What a measure gives, how it is judged and how people read it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tabulate import tabulate


@dataclass(frozen=True)
class Limit:
    """The bound of a ratio: at most, or at least, `value`."""

    value: float
    least: bool = False

    def holds(self, ratio: float) -> bool:
        return ratio >= self.value if self.least else ratio <= self.value

    def __str__(self) -> str:
        return f"{'at least' if self.least else 'at most'} {self.value:g}"


@dataclass(frozen=True)
class Result:
    """One measure: ours and what it is compared with, both in `unit`. Without a limit it is there to be known."""

    name: str
    ours: float
    reference: float
    unit: str
    ratio: float
    limit: Limit | None = None

    @property
    def verdict(self) -> str:
        if self.limit is None:
            return ""
        return "holds" if self.limit.holds(self.ratio) else "MISSED"


def compare(name: str, ours: Sequence[float], reference: Sequence[float], unit: str, limit: Limit | None = None) -> Result:
    """The medians of runs that alternated. Raises ValueError when there is nothing to divide by."""
    mine, other = median(ours), median(reference)
    if other <= 0:
        raise ValueError(f"{name}: the reference came out as {other:g} {unit}, so there is no ratio")
    return Result(name, mine, other, unit, mine / other, limit)


def growth(name: str, sizes: Sequence[int], seconds: Sequence[float], most: float) -> Result:
    """How much more one machine costs in the last step than in all before: 1 is a straight line. Both in milliseconds a machine.

    Not than in the first step alone: a few machines cost less than what such a measure swings by.
    """
    points = sorted(zip(sizes, seconds, strict=True))
    (a, first), (y, late), (z, last) = points[0], points[-2], points[-1]
    return compare(name, [(last - late) / (z - y) * 1000], [(late - first) / (y - a) * 1000], "ms a machine", Limit(most))


def table(results: Sequence[Result]) -> str:
    """As Markdown, for the terminal and for docs/performance.md."""
    head = ("measure", "ours", "reference", "unit", "ratio", "limit", "")
    rows = [
        (one.name, _short(one.ours), _short(one.reference), one.unit, f"{one.ratio:.2f}", one.limit or "", one.verdict) for one in results
    ]
    return tabulate(
        rows, head, tablefmt="github", disable_numparse=True, colalign=("left", "right", "right", "left", "right", "left", "left")
    )


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"
