"""What `up` shows at its end: the machines and how they reach each other, and how long each stage took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

HEAD = ("machine", "role", "site", "address", "mesh", "mesh peers, round trip in ms")


@dataclass(frozen=True)
class Row:
    """One machine; `peers`: name -> milliseconds, None where nothing answered."""

    name: str
    role: str
    site: str
    address: str
    mesh: str
    peers: Mapping[str, float | None]

    @property
    def complete(self) -> bool:
        """Whether every peer answered."""
        return all(time is not None for time in self.peers.values())


def machines(rows: Sequence[Row]) -> str:
    """The closing table."""
    cells = [HEAD, *((row.name, row.role, row.site, row.address, row.mesh, _peers(row)) for row in rows)]
    return columns(cells)


def stages(seconds: Mapping[str, float]) -> str:
    """How long each stage took, and all of them."""
    return ", ".join(f"{name} {took:.0f} s" for name, took in seconds.items()) + f"; together {sum(seconds.values()):.0f} s"


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns, a line under the first row."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    rule = "  ".join("─" * width for width in widths)
    return "\n".join([lines[0], rule, *lines[1:]])


def _peers(row: Row) -> str:
    return "  ".join(f"{name} {'no answer' if time is None else f'{time:.1f}'}" for name, time in sorted(row.peers.items()))
