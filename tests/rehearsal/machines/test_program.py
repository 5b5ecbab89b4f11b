import os
from pathlib import Path

from rehearsal import program


def test_the_holder_of_a_lock_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"pid": 4711, "username": "root"}')
    (tmp_path / "b.json").write_text("half a fi")
    (tmp_path / "a.json.attrs").write_text("{}")
    assert program.holders(tmp_path) == [4711, 0]
    assert program.holders(tmp_path / "never locked") == []


def test_a_pid_that_something_else_has_now_is_no_pulumi() -> None:
    assert not program.is_pulumi(os.getpid())
    assert not program.is_pulumi(2**22)
