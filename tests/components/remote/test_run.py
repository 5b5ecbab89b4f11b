"""`remote/run` on this machine: `id` is a stand-in that says root, so that nothing needs to be."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parents[3] / "components/remote/scripts/run"


@pytest.fixture
def run(tmp_path):
    toolbox, fake = tmp_path / "toolbox", tmp_path / "bin"
    (toolbox / "remote").mkdir(parents=True)
    (toolbox / "feature").mkdir()
    shutil.copy(RUN, toolbox / "remote/run")
    fake.mkdir()
    (fake / "id").write_text("#!/bin/sh\necho 0\n")
    (fake / "id").chmod(0o755)

    def run(script: str, *arguments: str, name: str = f"test-{tmp_path.name}", stdin: str = "") -> subprocess.CompletedProcess[str]:
        (toolbox / "feature" / name).write_text(f"#!/bin/sh\n{script}\n")
        (toolbox / "feature" / name).chmod(0o755)
        head = [arg for arg in arguments if arg.startswith("--") or arg.isdigit()]
        tail = [arg for arg in arguments if arg not in head]
        return subprocess.run(
            [toolbox / "remote/run", *head, f"feature/{name}", *tail],
            input=stdin, capture_output=True, text=True, check=False,
            env={"PATH": f"{fake}:/usr/bin:/bin", "SSH_CONNECTION": "192.0.2.7 1 192.0.2.8 22"},
        )  # fmt: skip

    return run


def test_arguments_and_standard_input_reach_the_script_unchanged(run):
    ended = run('printf "%s|" "$@"; cat', "a b", "$HOME 100%", stdin="it's\n")
    assert (ended.stdout, ended.returncode) == ("a b|$HOME 100%|it's\n", 0)


def test_the_exit_status_is_the_scripts(run):
    assert run("exit 7").returncode == 7


def test_a_script_that_takes_too_long_is_ended_and_named(run):
    ended = run("exec sleep 60", "--deadline", "1")
    assert ended.returncode == 124 and "did not end within 1 s" in ended.stderr and "running it again is safe" in ended.stderr


def test_without_a_deadline_nothing_is_ended_and_a_script_s_own_status_is_not_taken_for_it(run):
    assert run("sleep 2; echo done", "--deadline", "0").stdout == "done\n"
    ended = run("exit 124", "--deadline", "0")
    assert ended.returncode == 124 and ended.stderr == ""


def test_a_second_run_of_the_same_script_waits_for_the_first_and_says_so(run, tmp_path):
    lock = Path(f"/run/lock/homelab-feature-test-{tmp_path.name}")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        ended = run("echo never", "--deadline", "1")
    lock.unlink()
    assert ended.returncode == 75 and ended.stdout == "" and "an earlier run" in ended.stderr


def test_runs_that_are_told_apart_do_not_wait_for_each_other(run, tmp_path):
    locks = [Path(f"/run/lock/homelab-feature-test-{tmp_path.name}{word}") for word in ("", "-7", "-8")]
    with locks[0].open("w") as held, locks[1].open("w") as one:
        for lock in (held, one):
            fcntl.flock(lock, fcntl.LOCK_EX)
        assert run("echo ran", "--deadline", "1", "--apart", "8").stdout == "ran\n"
        assert run("echo ran", "--deadline", "1", "--apart", "7").returncode == 75
    for lock in locks:
        lock.unlink()


def test_scripts_know_from_where_the_caller_came(run):
    assert run('echo "$HOMELAB_CLIENT"').stdout == "192.0.2.7\n"


def test_an_unknown_script_is_named_with_its_toolbox(run, tmp_path):
    assert run("true", name="known").returncode == 0
    (tmp_path / "toolbox/feature/known").unlink()
    argv = [tmp_path / "toolbox/remote/run", "feature/known"]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False, env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
    assert ended.returncode == 64 and "feature/known is not in the toolbox" in ended.stderr
