"""Preflight's findings as a text for people. Standard library only."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from components.machines.preflight.judge import Finding

MARKS = {"failure": "✗", "warning": "!", "ok": "✓"}
RANK = {"failure": 0, "warning": 1}
WIDTH = 110


def failed(findings: Sequence[Finding]) -> bool:
    """Whether the run must stop."""
    return any(finding.level == "failure" for finding in findings)


def table(findings: Sequence[Finding]) -> str:
    """One block a machine: every failure, then every warning, each with its remedy, then one line for all that is well."""
    machines = list(dict.fromkeys(finding.machine for finding in findings))
    blocks = [_block(machine, [finding for finding in findings if finding.machine == machine]) for machine in machines]
    return "\n\n".join([*blocks, _summary(findings)]) + "\n"


def _block(machine: str, findings: Sequence[Finding]) -> str:
    bad = sorted((finding for finding in findings if finding.level != "ok"), key=lambda finding: RANK[finding.level])
    width = max((len(finding.check) for finding in bad), default=0)
    lines: list[str] = [machine]
    for finding in bad:
        wanted = f" (wanted: {finding.wanted})" if finding.wanted else ""
        lines += _wrapped(f"  {MARKS[finding.level]} {finding.check:{width}}  ", finding.found + wanted)
        if finding.remedy:
            lines += _wrapped(" " * (width + 6) + "→ ", finding.remedy)
    good = [finding.check for finding in findings if finding.level == "ok"]
    if good:
        lines += _wrapped(f"  {MARKS['ok']} ", ", ".join(good))
    return "\n".join(lines)


def _wrapped(first: str, text: str) -> list[str]:
    indent = " " * len(first)
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _summary(findings: Sequence[Finding]) -> str:
    failures = sum(finding.level == "failure" for finding in findings)
    warnings = sum(finding.level == "warning" for finding in findings)
    if failures:
        counted = f"{_count(failures, 'failure')}, {_count(warnings, 'warning')}"
        return f"{counted}: nothing was changed on the machines. Correct what is marked ✗, then run `pulumi up` again."
    return f"No failure, {_count(warnings, 'warning')}." if warnings else "All machines are as the plan says."


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
