"""The table that stops a run."""

from __future__ import annotations

from components.machines.preflight.judge import Finding
from components.machines.preflight.report import WIDTH, failed, table

FINDINGS = [
    Finding("leviathan", "system", "ok", "Debian 12"),
    Finding("leviathan", "synchronous write", "warning", "80 ms", "at most 50 ms", "Use an SSD."),
    Finding("leviathan", "firewall", "failure", "ufw is active", "none but the program's own", "Switch it off (ufw disable)."),
    Finding("leviathan", "memory", "ok", "32 GB"),
    Finding("absis", "system", "ok", "Debian 12"),
]


def test_failures_come_before_warnings_each_with_its_remedy_and_the_rest_is_one_line() -> None:
    assert table(FINDINGS).splitlines() == [
        "leviathan",
        "  ✗ firewall           ufw is active (wanted: none but the program's own)",
        "                       → Switch it off (ufw disable).",
        "  ! synchronous write  80 ms (wanted: at most 50 ms)",
        "                       → Use an SSD.",
        "  ✓ system, memory",
        "",
        "absis",
        "  ✓ system",
        "",
        "1 failure, 1 warning: nothing was changed on the machines. Correct what is marked ✗, then run `pulumi up` again.",
    ]


def test_only_failures_stop_the_run() -> None:
    assert failed(FINDINGS)
    assert not failed([finding for finding in FINDINGS if finding.level != "failure"])


def test_without_failures_the_summary_says_so() -> None:
    assert table(FINDINGS[:2]).splitlines()[-1] == "No failure, 1 warning."
    assert table(FINDINGS[:1]).splitlines()[-1] == "All machines are as the plan says."


def test_long_texts_are_wrapped_under_their_column() -> None:
    lines = table([Finding("absis", "firewall", "failure", "x " * 100, "", "y " * 100)]).splitlines()
    assert all(len(line) <= WIDTH for line in lines[:-1])
    assert lines[2].startswith("              x")
