"""Charts that are folders: what is read of them, and when they count as edited."""

from pathlib import Path

import pytest

from components.releases import charts
from components.releases.charts import Unreadable, coalesced, merged, read


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """charts/one, with a library that it shares by a symbolic link."""
    charts.read.cache_clear()
    shared, home = tmp_path / "charts/common", tmp_path / "charts/one"
    for folder, name in ((shared, "common"), (home, "one")):
        (folder / "templates").mkdir(parents=True)
        (folder / "Chart.yaml").write_text(f"{{apiVersion: v2, name: {name}, version: 1.0.0}}\n")
    (shared / "templates/_all.tpl").write_text("{{- /* nothing */ -}}\n")
    (home / "values.yaml").write_text("a: {b: 1, c: 2}\nchartDigest: ''\n")
    (home / "charts").mkdir()
    (home / "charts/common").symlink_to("../../common")
    return home


def digest(chart: Path) -> str:
    charts.read.cache_clear()
    return read("charts/one", chart.parents[1]).digest


def test_a_folder_is_read_whole(chart: Path) -> None:
    found = read("charts/one", chart.parents[1])
    assert (found.name, found.version, found.schema) == ("one", "1.0.0", None) and found.values["a"] == {"b": 1, "c": 2}


def test_an_edited_file_is_noticed_and_so_is_one_of_the_library_behind_a_link(chart: Path) -> None:
    before = digest(chart)
    (chart / "values.yaml").write_text("a: {}\n")
    edited = digest(chart)
    (chart.parent / "common/templates/_all.tpl").write_text("other\n")
    assert len({before, edited, digest(chart)}) == 3


def test_a_file_that_moves_is_an_edit_and_one_that_is_touched_is_none(chart: Path) -> None:
    before = digest(chart)
    (chart / "values.yaml").touch()
    assert digest(chart) == before
    (chart / "values.yaml").rename(chart / "templates/values.yaml")
    assert digest(chart) != before


def test_a_link_back_to_a_folder_above_ends(chart: Path) -> None:
    (chart / "templates/again").symlink_to("..")
    assert digest(chart)


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("Chart.yaml", None, "there is no Chart.yaml in it"),
        ("Chart.yaml", "- 1\n", "its Chart.yaml is no mapping"),
        ("Chart.yaml", "name: one\n", "no name or no version"),
        ("values.yaml", "a: [\n", "its values.yaml is no YAML"),
        ("values.schema.json", "{", "its values.schema.json is no JSON"),
    ],
)
def test_a_folder_that_is_no_chart_says_why(chart: Path, file: str, text: str | None, why: str) -> None:
    (chart / file).unlink(missing_ok=True)
    if text is not None:
        (chart / file).write_text(text)
    with pytest.raises(Unreadable, match=why):
        read("charts/one", chart.parents[1])


def test_values_are_joined_key_by_key_and_lists_as_a_whole() -> None:
    assert merged({"a": {"b": 1, "c": [1, 2]}, "d": 4}, {"a": {"c": [3]}, "e": 5}) == {"a": {"b": 1, "c": [3]}, "d": 4, "e": 5}


def test_a_null_that_is_said_takes_a_default_away_and_the_chart_s_own_stays() -> None:
    assert coalesced({"a": 1, "b": None, "c": {"d": 2, "e": 3}}, {"a": None, "c": {"d": None}}) == {"b": None, "c": {"e": 3}}
    assert merged({"a": 1}, {"a": None}) == {"a": None}
