"""Ratios, limits and the table of `make bench`."""

import pytest

from bench.result import Limit, Result, compare, growth, table


def test_a_ratio_is_ours_by_the_reference_at_their_medians() -> None:
    found = compare("up", [9.0, 4.0, 5.0], [2.5, 2.0, 100.0], "s")
    assert (found.ours, found.reference, found.ratio) == (5.0, 2.5, 2.0)


@pytest.mark.parametrize(("limit", "ratio", "verdict"), [
    (Limit(1.3), 1.3, "holds"), (Limit(1.3), 1.31, "MISSED"),
    (Limit(0.85, least=True), 0.85, "holds"), (Limit(0.85, least=True), 0.84, "MISSED"),
    (None, 99.0, ""),
])  # fmt: skip
def test_a_limit_is_met_on_its_own_side(limit: Limit | None, ratio: float, verdict: str) -> None:
    assert Result("name", ratio, 1.0, "s", ratio, limit).verdict == verdict


def test_a_reference_of_nothing_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="raw link"):
        compare("raw link", [1.0], [0.0], "Mbit/s")


def test_growth_is_one_on_a_straight_line_whatever_it_starts_from() -> None:
    found = growth("line", (3, 10, 30, 100), (3.3, 4.0, 6.0, 13.0), 1.3)
    assert found.ratio == pytest.approx(1.0) and found.ours == pytest.approx(100.0)
    assert found.verdict == "holds"


def test_growth_shows_what_is_quadratic_in_machines() -> None:
    sizes = (3, 10, 30, 100)
    assert growth("square", sizes, [size**2 for size in sizes], 1.3).verdict == "MISSED"


def test_the_table_has_a_line_for_each_measure_with_its_verdict() -> None:
    lines = table([compare("fast", [10], [20], "s", Limit(2)), compare("known", [1], [4], "MB/s")]).splitlines()
    assert [cell.strip() for cell in lines[2].strip("|").split("|")] == ["fast", "10.0", "20.0", "s", "0.50", "at most 2", "holds"]
    assert [cell.strip() for cell in lines[3].strip("|").split("|")] == ["known", "1.0", "4.0", "MB/s", "0.25", "", ""]
