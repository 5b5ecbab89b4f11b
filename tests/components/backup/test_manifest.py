"""The list of files beside an archive, and what a restored sample is held against."""

import os
import random
from pathlib import Path

import pytest


@pytest.fixture
def tree(tmp_path):
    for name, text in {"a/z": "z", "a-b": "ab", "a/b/c": "c", "skip/x": "x", "cache/y": "y", "marked/w": "w"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "cache/CACHEDIR.TAG").write_bytes(b"Signature: 8a477f597d28d172789f06886806bc55\n")
    (tmp_path / "marked/.nobackup").touch()
    (tmp_path / "link").symlink_to("a/z")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def made(modules, tree, before=()):
    return list(modules.manifest.lines([str(tree)], {str(tree / "skip")}, before))


def test_the_manifest_has_every_regular_file_that_borg_takes_and_no_other(modules, tree):
    assert [Path(line[0]).relative_to(tree).as_posix() for line in made(modules, tree)] == ["a/b/c", "a/z", "a-b"]


def test_a_file_that_has_not_changed_is_not_read_again(modules, tree, monkeypatch):
    before, read = made(modules, tree), []
    digest = modules.manifest.digest
    monkeypatch.setattr(modules.manifest, "digest", lambda path: (read.append(path), digest(path))[1])
    (tree / "a-b").write_text("other")
    (tree / "a/new").write_text("new")
    (tree / "a/b/c").unlink()
    after = made(modules, tree, before)
    assert read == [str(tree / "a/new"), str(tree / "a-b")] and after == made(modules, tree)


def test_a_manifest_is_written_as_a_whole_and_reads_back(modules, tree, tmp_path):
    place = tmp_path / "kept/manifest.jsonl"
    assert modules.manifest.write(place, [str(tree / "a")], set()) == 2
    with place.open() as lines:
        assert list(modules.manifest.parse(lines)) == list(modules.manifest.lines([str(tree / "a")], set(), ()))
    assert place.stat().st_mode & 0o077 == 0


def test_a_damaged_line_of_the_old_manifest_only_means_that_its_file_is_read_again(modules):
    good = '["/a",1,2,3,4,"x"]\n'
    assert list(modules.manifest.parse([good, "[1,2]\n", "{\n", good])) == [("/a", 1, 2, 3, 4, "x")] * 2


def test_files_with_names_that_are_no_text_are_in_the_manifest_too(modules, tmp_path):
    (tmp_path / os.fsdecode(b"\xff\xfe name")).write_text("x")
    place = tmp_path / "m/manifest.jsonl"
    modules.manifest.write(place, [str(tmp_path)], {str(place.parent)})
    with place.open() as lines:
        (line,) = modules.manifest.parse(lines)
    assert os.fsencode(line[0]).endswith(b"\xff\xfe name")


def test_restored_files_are_told_apart_as_good_changed_meanwhile_and_bad(modules, tree, tmp_path):
    chosen = made(modules, tree)
    scratch = tmp_path / "scratch"
    for line in chosen:
        target = scratch / line[0].lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Path(line[0]).read_bytes())
        os.utime(target, ns=(line[2], line[2]))
    flipped, late = (scratch / chosen[index][0].lstrip("/") for index in (0, 1))
    flipped.write_text("C")
    os.utime(flipped, ns=(chosen[0][2], chosen[0][2]))
    late.write_text("later")
    assert modules.manifest.compare(scratch, chosen) == ([chosen[0][0]], [chosen[1][0]], 1)


def test_a_sample_takes_every_file_with_the_same_chance_and_none_that_is_too_large(modules):
    lines = [(f"/{number}", number, 0, 0, 0, "") for number in range(20)]
    times = dict.fromkeys(range(20), 0)
    for seed in range(2000):
        for line in modules.manifest.sample(lines, 5, 9, random.Random(seed)):
            times[line[1]] += 1
    assert all(850 < times[number] < 1150 for number in range(10)) and not any(times[number] for number in range(10, 20))
