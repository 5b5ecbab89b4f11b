"""What the keeper compares before it prunes, and what it does when something fails."""

import contextlib
import json
import struct
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

PUT, DELETE, COMMIT = 0, 1, 2
ONE, TWO, CATALOGUE = b"1" * 32, b"2" * 32, bytes(32)


def segment(path, *entries, cut=0):
    text = b"BORG_SEG"
    for tag, name, data in entries:
        body = (b"" if tag == COMMIT else name) + data
        text += struct.pack("<IIB", 0, 9 + len(body), tag) + body
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text[: len(text) - cut])


def test_what_a_backup_writes_takes_nothing_away(modules, tmp_path):
    segment(tmp_path / "data/0/1", (PUT, ONE, b"x" * 100), (COMMIT, b"", b""))
    segment(tmp_path / "data/0/3", (PUT, TWO, b"checkpoint"), (DELETE, CATALOGUE, b""), (PUT, CATALOGUE, b"list"), (DELETE, TWO, b""))
    segment(tmp_path / "data/1/1001", (COMMIT, b"", b""))
    written = list(modules.segments.since(tmp_path, 1))
    assert [tag for tag, _ in written] == [PUT, DELETE, PUT, DELETE, COMMIT] and modules.segments.gone(written) == set()


def test_a_deletion_and_an_overwriting_of_something_older_are_seen(modules, tmp_path):
    segment(tmp_path / "data/0/1", (PUT, ONE, b"x"), (PUT, TWO, b"y"), (COMMIT, b"", b""))
    segment(tmp_path / "data/0/2", (DELETE, ONE, b""), (DELETE, TWO, b""), (PUT, TWO, b"garbage"), (COMMIT, b"", b""))
    assert modules.segments.gone(modules.segments.since(tmp_path, 1)) == {ONE, TWO}


@pytest.mark.parametrize("cut", range(1, 9 + 32 + 4))
def test_what_a_crash_has_cut_off_is_no_entry(modules, tmp_path, cut):
    segment(tmp_path / "data/0/1", (PUT, ONE, b"good"), (PUT, TWO, b"half"), cut=cut)
    assert list(modules.segments.entries(tmp_path / "data/0/1")) == [(PUT, ONE)]


@pytest.mark.parametrize(
    "text", [b"SOMETHING ELSE", b"BORG_SEG" + struct.pack("<IIB", 0, 50, 9) + bytes(50), b"BORG_SEG" + struct.pack("<IIB", 0, 3, 0)]
)
def test_a_form_that_is_not_known_is_refused_and_not_guessed(modules, tmp_path, text):
    (tmp_path / "1").write_bytes(text)
    with pytest.raises(modules.segments.Unknown):
        list(modules.segments.entries(tmp_path / "1"))


def test_the_last_transaction_is_the_newest_index(modules, tmp_path):
    assert modules.segments.committed(tmp_path) == -1
    for name in ("index.5", "index.17", "index.17.tmp", "hints.99"):
        (tmp_path / name).touch()
    assert modules.segments.committed(tmp_path) == 17


NOW = 1_800_000_000.0
KNOWN = {"segment": 5, "archives": {"a": ["first", NOW - 200_000], "b": ["second", NOW - 100_000]}, "key": "KEY", "removing": None}
THERE = {"a": ("first", NOW - 200_000), "b": ("second", NOW - 100_000), "c": ("third", NOW - 10)}


def objections(modules, record=KNOWN, archives=THERE, key="KEY", gone=0, more=()):
    return modules.judge.objections(record, [*((one, *rest) for one, rest in archives.items()), *more], key, gone, NOW)


def test_a_repository_with_everything_that_was_there_may_be_pruned(modules):
    assert objections(modules) == [] and objections(modules, record=None, gone=5) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"archives": {"c": THERE["c"]}}, "2 archives are gone"),
        ({"gone": 3}, "3 objects of older archives are deleted or overwritten"),
        ({"key": "OTHER"}, "the key inside is another"),
        ({"archives": {**THERE, "d": ("late", NOW + 90_000)}}, "late is of the future"),
        ({"archives": {**THERE, "d": ("early", NOW - 150_000)}}, "early is new and calls itself older"),
        ({"archives": {**THERE, "a": ("first", NOW - 1e8)}}, "1 archives have another name or time than they had"),
        ({"archives": {**THERE, "a": ("first", NOW - 150_000)}}, "first, now first of 2027-01-13T14:20:00 instead of 2027-01-13T00:26:40"),
        ({"archives": {**THERE, "a": ("first", NOW - 203_600), "b": ("second", NOW - 96_400)}}, "2 archives have another name or time"),
        ({"archives": {**THERE, "b": ("second.checkpoint", NOW - 100_000)}}, "second, now second.checkpoint of"),
        ({"more": [("c", "other", NOW - 20)]}, "1 archives are listed under two names"),
    ],
)
def test_whatever_could_cost_an_archive_is_objected_to(modules, change, said):
    (objection,) = objections(modules, **change)
    assert said in objection


def test_a_keeper_that_was_cut_off_does_not_object_to_its_own_work_but_to_more(modules):
    half = {**KNOWN, "removing": ["a"]}
    assert objections(modules, half, {"b": THERE["b"]}, gone=7) == []
    (objection,) = objections(modules, half, {"c": THERE["c"]}, gone=7)
    assert "1 archives are gone" in objection and "second" in objection


def test_the_time_of_an_archive_is_its_own_wherever_and_whenever_it_is_read(modules, monkeypatch):
    """Of the hour that comes twice when summer time ends, and of a Borg that names the zone."""
    asked = []

    def borg(*argv, env, check):
        asked.append(env["TZ"])
        times = {"1": "2026-10-25T00:30:00.000000", "2": "2026-10-25T01:30:00.000000", "3": "2026-10-25T03:30:00.000000+01:00"}
        listed = [{"id": one, "name": one, "time": when} for one, when in times.items()]
        return subprocess.CompletedProcess([], 0, json.dumps({"archives": listed}), "")

    monkeypatch.setattr(modules.archives, "sh", borg)
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        found = modules.archives.archives("repository", {"TZ": "Europe/Berlin"})
    finally:
        monkeypatch.undo()
        time.tzset()
    assert asked == ["UTC"] and [when for _, when in found.values()] == [1_792_888_200, 1_792_891_800, 1_792_895_400]


def test_nothing_is_moved_aside_that_a_compaction_has_copied(script):
    record = {"segment": 7, "removing": None}
    assert script("rewind").hindrance(record, {5: Path("5"), 7: Path("7"), 9: Path("9")}) == ""
    assert "file 7 of its log is gone" in script("rewind").hindrance(record, {5: Path("5"), 9: Path("9")})
    assert "cut off" in script("rewind").hindrance({**record, "removing": ["none"]}, {7: Path("7")})


@pytest.fixture
def keeper(script, modules, tmp_path, monkeypatch):
    """`keep` of one repository with a Borg that says what `answers` has for it; every call is in `asked`."""
    keep = script("keep")
    shared, names, asked, answers = modules.toolkit.Shared(tmp_path), keep.keep.__globals__, [], {}

    def act(places, name, config, *words):
        asked.append(" ".join(words))
        if why := answers.get(words[0]):
            raise modules.toolkit.Problem(why)
        return ""

    shared.lock("m").parent.mkdir(parents=True)
    shared.lock("m").touch()
    listed = [("a", "first", NOW)]
    modules.toolkit.put(shared.record("m"), {**modules.judge.FRESH, "archives": {"a": ["first", NOW]}, "key": "KEY"})
    names |= {"act": act, "facts": lambda *_: (listed, "KEY", 0), "configuration": lambda *_: "", "committed": lambda _: 9}
    names |= {"archives": lambda *_: {"a": ("first", NOW)}, "forget_if_rewound": lambda *_: None}
    (tmp_path / "run/lock").mkdir(parents=True)

    def once(forced=False):
        asked.clear()
        with contextlib.suppress(modules.toolkit.Problem):
            keep.keep(modules.toolkit.Places(tmp_path), shared, {}, "m", forced)
        return list(asked), modules.toolkit.read(shared.record("m"))

    return once, answers


PRUNING = ["--verbosity 1 --dry-run prune --list", "prune", "compact", "check"]


def test_a_repository_that_failed_its_check_is_not_pruned_until_it_passes_and_not_tried_every_hour(keeper):
    once, answers = keeper
    answers["check"] = "chunks are missing"
    asked, record = once()
    assert asked == PRUNING and record["failed"] == "chunks are missing" and record["tried"] > time.time() - 60 and record["when"] == 0
    assert once() == ([], record)
    assert once(forced=True)[0] == ["check --force"]
    answers.clear()
    asked, record = once(forced=True)
    assert asked == ["check --force", *PRUNING] and record["failed"] == "" and record["when"] > 0
    assert once(forced=True)[0] == PRUNING


@pytest.mark.parametrize("act", ["prune", "compact"])
def test_a_pruning_that_failed_is_told_and_all_data_checked_before_the_next(keeper, act):
    once, answers = keeper
    answers[act] = "no space"
    record = once()[1]
    assert record["failed"] == "no space" and record["removing"] and once()[0] == []
    answers.clear()
    asked, record = once(forced=True)
    assert asked == ["check --only data --force", *PRUNING] and record["failed"] == "" and record["removing"] is None


@given(st.lists(st.tuples(st.sampled_from([PUT, DELETE, COMMIT]), st.sampled_from([ONE, TWO, CATALOGUE])), max_size=30))
def test_nothing_of_before_can_go_unnoticed(written):
    """Against the plain definition: a deletion of what was not added since."""
    from components.backup import plan

    names: dict[str, object] = {}
    exec(compile((Path(plan.__file__).parent / "scripts/segments.py").read_text(), "segments", "exec"), names)
    lost = {name for place, (tag, name) in enumerate(written) if tag == DELETE and name != CATALOGUE and (PUT, name) not in written[:place]}
    assert names["gone"](written) == lost
