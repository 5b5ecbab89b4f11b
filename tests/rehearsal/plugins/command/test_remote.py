"""What only remote commands have: connections, their secrets and their failures; and interruption."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import asyncssh
import pytest

from tests.rehearsal.engine.stack import until
from tests.rehearsal.plugins.command.conftest import Lab
from tests.rehearsal.plugins.command.server import SshServer

pytestmark = pytest.mark.engine

WAITING = "Command('c', create=f'echo started >> {LOG}; while [ ! -e {LOG}.go ]; do sleep 0.05; done; echo ended >> {LOG}')"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_connection_gets_its_defaults_and_is_secret_as_a_whole(remote: Lab) -> None:
    given = "{k: v for k, v in CONNECTION.items() if k != 'dial_error_limit'}"
    remote.up(f"remote.Command('c', connection=remote.ConnectionArgs(**{given}), create='true')")
    assert "PRIVATE KEY" not in remote.stack.recorded()
    assert "ciphertext" in remote.stack.state()["c"]["inputs"]["connection"]
    assert "ciphertext" in remote.stack.state()["c"]["outputs"]["connection"]
    shown = remote.stack.pulumi("stack", "export", "--show-secrets").text.replace("\\", "")
    for part in ('"dialErrorLimit":10', '"perDialTimeout":15', '"user":"tester"', '"privateKey":{"4dabf18193072939515e22adb298388d"'):
        assert part in shown


def test_a_changed_connection_runs_create_again_in_place(remote: Lab) -> None:
    remote.up("remote.Command('c', connection=at(), create=note('create'))")
    assert remote.up("remote.Command('c', connection=at(dial_error_limit=3), create=note('create'))").operations == {"c": "update"}
    assert remote.ran() == ["create", "create"]


def test_a_connection_that_is_not_known_yet_previews_and_is_used_once_it_is(remote: Lab) -> None:
    program = (
        "a = local.Command('a', create='printf 127.0.0.1', triggers=[{0}])\n"
        "remote.Command('c', connection=at(host=a.stdout), create=note('create'), delete=note('delete'))"
    )
    assert remote.stack.preview(program.format(1)).operations == {"a": "create", "c": "create"}
    remote.up()
    assert remote.ran() == ["create"]
    remote.stack.preview(program.format(2))
    assert remote.up().operations["c"] == "same"
    assert remote.ran() == []


def test_another_host_key_is_refused_without_running_anything(remote: Lab) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    run = remote.up(f"remote.Command('c', connection=at(host_key={other!r}), create=note('create'))", fails=True)
    assert "after 2 failed attempts: ssh: handshake failed: ssh: host key mismatch" in run.text
    assert remote.ran() == []


def test_a_comment_after_the_host_key_does_not_matter_and_no_host_key_accepts_any(remote: Lab) -> None:
    remote.up(
        "remote.Command('comment', connection=at(host_key=CONNECTION['host_key'] + ' name@host'), create=note('a'))\n"
        "remote.Command('none', connection=at(host_key=None), create=note('b'))"
    )
    assert sorted(remote.ran()) == ["a", "b"]


def test_a_refused_connection_is_dialled_as_often_as_the_limit_says(remote: Lab) -> None:
    port = _free_port()
    run = remote.up(f"remote.Command('c', connection=at(port={port}, dial_error_limit=3), create='true')", fails=True)
    assert f"after 3 failed attempts: dial tcp 127.0.0.1:{port}: connect: connection refused" in run.text
    assert [line for line in run.lines() if "retrying" in line] == [f"Dial {n}/3 failed: retrying" for n in (1, 2, 3)]


def test_a_wrong_key_is_a_failed_dial_and_never_shown(remote: Lab) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    run = remote.up(f"remote.Command('c', connection=at(private_key={key!r}, dial_error_limit=0), create='true')", fails=True)
    assert "unable to authenticate, attempted methods [none publickey]" in run.text
    assert key.splitlines()[1] not in run.text


def test_unreadable_keys_fail_at_once(remote: Lab) -> None:
    assert "ssh: no key found" in remote.up("remote.Command('c', connection=at(private_key='garbage'), create='true')", fails=True).text
    run = remote.up("remote.Command('c', connection=at(host_key='garbage'), create='true')", fails=True)
    assert "failed to parse host key: ssh: no key found" in run.text
    assert "retrying" not in run.text


def test_without_a_private_key_the_agent_is_asked(remote: Lab, server: SshServer, tmp_path: Path) -> None:
    agent_socket, key = tmp_path / "agent", tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text(server.private_key)
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(agent_socket)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(agent_socket.exists, "the SSH agent listens")
        subprocess.run(["ssh-add", "-q", str(key)], env={**os.environ, "SSH_AUTH_SOCK": str(agent_socket)}, check=True, capture_output=True)
        remote.up(f"remote.Command('c', connection=at(private_key=None, agent_socket_path={str(agent_socket)!r}), create=note('by-agent'))")
        remote.stack.environment["SSH_AUTH_SOCK"] = str(agent_socket)
        remote.up("remote.Command('c', connection=at(private_key=None), create=note('by-environment'))")
    finally:
        agent.terminate()
        agent.wait(10)
    assert remote.ran() == ["by-agent", "by-environment"]


def test_a_script_killed_by_a_signal_says_so(remote: Lab) -> None:
    run = remote.up("Command('c', create='kill -KILL $$')", fails=True)
    assert "Process exited with status 137 from signal KILL: running " in run.text


def test_every_step_closes_its_connection_where_the_official_plug_in_keeps_it(remote: Lab, server: SshServer) -> None:
    before = server.connections - server.closed
    remote.up("for n in range(5):\n    Command(f'c{n}', create='true')")
    if not remote.official:
        until(lambda: server.connections - server.closed <= before, "no connection is left open")


def test_deleted_with_spares_dialling_a_dead_host_and_without_it_the_resource_stays(remote: Lab) -> None:
    port = _free_port()
    remote.up(
        "a = local.Command('a', create='true')\n"
        f"remote.Command('spared', connection=at(port={port}), delete='true', opts=ResourceOptions(deleted_with=a))\n"
        f"remote.Command('stays', connection=at(port={port}), delete='true')"
    )
    remote.stack.destroy(fails=True)
    assert set(remote.stack.state()) & {"spared", "stays"} == {"stays"}


def test_an_interrupted_run_records_the_script_that_was_running(remote: Lab) -> None:
    remote.stack.program(WAITING)
    engine = remote.stack.start("up", "--yes", "--skip-preview")
    try:
        until(lambda: remote.log.exists() and "started" in remote.log.read_text(), "the script has started")
        engine.send_signal(signal.SIGINT)
        remote.log.with_name(f"{remote.log.name}.go").touch()
        engine.communicate(timeout=60)
    finally:
        engine.kill()
        engine.wait()
    assert engine.returncode != 0
    assert remote.ran() == ["started", "ended"]
    assert "c" in remote.stack.state()


def test_an_interrupted_run_ends_the_dialling(remote: Lab) -> None:
    remote.stack.program(f"remote.Command('c', connection=at(port={_free_port()}, dial_error_limit=-1), create='true')")
    engine = remote.stack.start("up", "--yes", "--skip-preview")
    output = ""
    try:
        assert engine.stdout is not None
        for line in engine.stdout:
            output += line
            if "Dial 3/inf failed" in line:
                engine.send_signal(signal.SIGINT)
                break
        output += engine.communicate(timeout=60)[0]
    finally:
        engine.kill()
        engine.wait()
    assert engine.returncode != 0
    assert "context canceled" in output


def test_an_interrupted_run_kills_a_local_script(local: Lab) -> None:
    local.stack.program(WAITING)
    engine = local.stack.start("up", "--yes", "--skip-preview")
    try:
        until(lambda: local.log.exists(), "the script has started")
        engine.send_signal(signal.SIGINT)
        engine.communicate(timeout=60)
    finally:
        local.log.with_name(f"{local.log.name}.go").touch()
        engine.kill()
        engine.wait()
    assert engine.returncode != 0
    assert local.ran() == ["started"]
    assert "c" not in local.stack.state()


def test_a_killed_engine_leaves_no_plug_in_behind_and_the_next_run_creates_again(remote: Lab) -> None:
    remote.stack.program(WAITING)
    engine = remote.stack.start("up", "--yes", "--skip-preview")
    try:
        until(lambda: remote.log.exists(), "the script has started")
        children = _children(engine.pid)
        assert any("rehearsal.plugins.command" in line or "pulumi-resource-command" in line for line in children.values())
    finally:
        engine.kill()
        engine.communicate()
    remote.log.with_name(f"{remote.log.name}.go").touch()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), f"the engine's children are gone: {children}")
    assert remote.stack.pulumi("cancel", "--yes").status == 0
    remote.up()
    assert remote.ran().count("started") == 2


def _children(parent: int) -> dict[int, str]:
    """The direct children of a process, with their command lines."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(status.read_text().rpartition(")")[2].split()[1]) == parent:
                found[int(status.parent.name)] = status.with_name("cmdline").read_text().replace("\0", " ")
        except (OSError, IndexError):
            continue
    return found
