"""Never buy the same server twice: what Vultr's answer means."""

from types import SimpleNamespace

from components.machines.guard import verdict

SERVER = SimpleNamespace(id="cb676a46", main_ip="203.0.113.100", date_created="2026-11-20T10:00:00+00:00")


def test_no_server_of_this_label_may_be_created():
    assert verdict("homelab-dev-nimbus", None, "invocation failed: no results were found") is None


def test_a_server_that_exists_is_named_with_how_to_adopt_or_delete_it():
    said = verdict("homelab-dev-nimbus", SERVER, "")
    assert said is not None
    assert "cb676a46" in said and "pulumi import" in said and "delete it" in said and "not bought" in said


def test_several_servers_of_one_label_are_refused():
    said = verdict("homelab-dev-nimbus", None, "your search returned too many results: 2. Please refine your search to be more specific")
    assert said is not None and "more than one server" in said


def test_when_vultr_cannot_be_asked_nothing_is_bought():
    said = verdict("homelab-dev-nimbus", None, "gave up after 4 attempts")
    assert said is not None and "cannot find out" in said and "gave up after 4 attempts" in said
