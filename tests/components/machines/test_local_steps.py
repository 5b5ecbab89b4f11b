"""What the steps on the operator's computer make of what `ssh` says."""

import json
from io import StringIO
from subprocess import CompletedProcess

import pytest

from components.machines.local import equip, preflight
from components.machines.local.contact import Trouble, answer, diagnose, persist
from components.machines.local.goodbye import farewell
from components.remote import toolbox
from components.remote.ssh import Target, options, pin

TARGET = Target("absis", "192.168.77.11", 22, "tyler", "ssh-ed25519 AAAA")


@pytest.mark.parametrize(
    ("said", "final", "means"),
    [
        ("Host key verification failed.", True, "homelab:machines.absis.ssh.hostKey"),
        ("tyler@192.168.77.11: Permission denied (publickey).", True, "authorized_keys"),
        ("ssh: Could not resolve hostname x: Name or service not known", True, "use an address"),
        ("ssh: connect to host 192.168.77.11 port 22: Connection refused", False, "is it on"),
        ("kex_exchange_identification: Connection closed by remote host", False, "is it on"),
        ("", False, "silence"),
    ],
)
def test_a_failed_contact_says_what_to_do_and_whether_waiting_helps(said, final, means):
    trouble = diagnose(TARGET, said)
    assert trouble.final is final and means in trouble.why and "absis" in trouble.why


def answers(*codes):
    """Attempts that end with these return codes, one after the other."""
    return iter([CompletedProcess([], code, "", "Connection reset by peer") for code in codes]).__next__


def test_a_connection_that_is_lost_is_tried_again_because_cloud_init_restarts_sshd(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert persist(answers(255, 124, 255, 0), TARGET, deadline=60) is None


def test_what_the_command_itself_answers_is_not_tried_again():
    assert persist(answers(1), TARGET, deadline=60) is None


def test_waiting_ends_with_the_last_trouble():
    trouble = persist(answers(255), TARGET, deadline=0)
    assert trouble is not None and "Connection reset" in trouble.why


def test_the_answer_of_the_attempt_that_got_through_is_given(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    ended = answer(answers(255, 3), TARGET, deadline=60)
    assert isinstance(ended, CompletedProcess) and ended.returncode == 3
    trouble = answer(answers(255), TARGET, deadline=0)
    assert isinstance(trouble, Trouble) and "Connection reset" in trouble.why


def test_a_machine_that_left_says_what_stays():
    assert farewell(TARGET, 0, "leaving\nkeys stay\n") == "absis left: keys stay"


def test_a_connection_that_is_lost_while_a_machine_leaves_is_not_called_a_failure():
    assert "goes on by itself" in farewell(TARGET, 255, "leaving\n")


def test_a_machine_that_was_installed_anew_has_nothing_to_leave():
    assert "nothing of this program" in farewell(TARGET, 77, "")


def test_a_system_that_another_has_replaced_is_not_called_dead():
    assert "old host key is gone" in farewell(TARGET, 255, "Host key verification failed.\n")


@pytest.mark.parametrize("output", ["ssh: connect to host 192.168.77.11 port 22: No route to host\n", ""])
def test_a_dead_machine_is_named_with_what_stays_on_it_and_how_to_clean_it_later(output):
    said = farewell(TARGET, 255, output)
    assert said.startswith("WARNING absis") and "remote/run machines/leave" in said
    assert not [part for part in ("tinc@homelab", "Ceph", "Kubernetes", "etcd", "homelab-firewall") if part not in said]


def test_ssh_accepts_the_pinned_key_only_and_never_asks(tmp_path):
    line = options(TARGET, pin(TARGET, tmp_path))
    assert {"StrictHostKeyChecking=yes", "BatchMode=yes", "HostKeyAlias=absis"} <= {*line}
    assert (tmp_path / "known_hosts").read_text() == "absis ssh-ed25519 AAAA\n"


def test_without_a_key_file_only_the_agent_is_asked_as_the_provider_does(tmp_path):
    assert "IdentityFile=none" in options(TARGET, pin(TARGET, tmp_path))


def test_a_key_file_excludes_the_keys_of_the_agent(tmp_path):
    line = options(Target("absis", "a", 22, "u", "k", "~/.ssh/lab"), pin(TARGET, tmp_path))
    assert "IdentitiesOnly=yes" in line and not [part for part in line if "~" in part]


def test_a_target_survives_its_document():
    assert Target.read(TARGET.document()) == TARGET


def question():
    plan = {"name": "absis", "rented": True, "cpus": None, "memory": None, "disks": [], "mesh_address": "10.88.0.2", "lan_address": None}
    return {"target": TARGET.document(), "expectation": {**plan, "host_names": ["absis"]}, "timeServers": []}


def test_a_connection_that_is_lost_once_while_facts_are_read_is_no_finding(monkeypatch):
    said = iter([CompletedProcess([], 255, "", ""), CompletedProcess([], 0, "Welcome!\n{}\n", "")])
    monkeypatch.setattr(preflight, "run", lambda *_, **__: next(said))
    assert preflight.read(question()) == ({}, [])


def test_a_machine_that_stays_silent_is_a_finding(monkeypatch):
    monkeypatch.setattr(preflight, "run", lambda *_, **__: CompletedProcess([], 255, "", "No route to host\n"))
    facts, [found] = preflight.read(question())
    assert facts is None and (found.machine, found.level) == ("absis", "failure") and "No route to host" in found.found


@pytest.mark.parametrize(
    ("code", "said", "check"), [(1, "sudo: a password is required", "sudo"), (127, "python3: not found", "Python"), (1, "boom", "contact")]
)
def test_what_keeps_facts_from_being_read_is_named(code, said, check):
    assert preflight.unread("absis", code, said).check == check


def test_a_connection_that_ends_without_a_word_is_not_called_exit_status_255():
    assert "stands still" in preflight.unread("absis", 255, "").found


def test_an_answer_that_is_no_document_is_a_finding_and_no_traceback(monkeypatch):
    monkeypatch.setattr(preflight, "run", lambda *_, **__: CompletedProcess([], 0, "Welcome!\n", ""))
    assert "no document" in preflight.read(question())[1][0].found


def test_a_machine_is_equipped_with_the_scripts_of_this_checkout_and_a_failure_is_told(monkeypatch, capsys):
    sent = []

    def ssh(target, command, *, stdin, deadline):
        sent.append((target, command, stdin))
        return CompletedProcess([], len(sent) - 1, "", "no space left")

    monkeypatch.setattr(equip, "run", ssh)
    for status, told in ((0, ""), (1, "could not be installed on absis (tyler@192.168.77.11:22): no space left\n")):
        monkeypatch.setattr("sys.stdin", StringIO(json.dumps({**TARGET.document(), "toolbox": toolbox.version()})))
        assert equip.main() == status and capsys.readouterr().err.endswith(told)
    assert sent == [(TARGET, toolbox.INSTALL, toolbox.archive())] * 2
