"""Never buy the same server twice: what Vultr's answer means."""

from types import SimpleNamespace

from components.machines.guard import adoption, verdict

SERVER = SimpleNamespace(id="cb676a46", main_ip="203.0.113.100", date_created="2026-11-20T10:00:00+00:00")


LABEL = "homelab-dev-nimbus"
FLEET = "homelab:machines:Fleet$homelab:machines:VultrServer"
URN = f"urn:pulumi:dev::homelab::{FLEET}$vultr:index/instance:Instance::fleet-nimbus-server"


def test_no_server_of_this_label_may_be_created():
    assert verdict(LABEL, None, "invocation failed: no results were found", URN) is None


def test_a_server_that_exists_is_named_with_how_to_delete_or_adopt_it():
    said = verdict(LABEL, SERVER, "", URN)
    assert said is not None
    assert "cb676a46" in said and "pulumi import" in said and "delete it" in said and "not bought" in said


def test_adoption_puts_the_server_under_the_parent_it_has_in_the_program():
    assert adoption("cb676a46", URN) == (
        "pulumi import vultr:index/instance:Instance fleet-nimbus-server cb676a46 "
        f"--parent fleet-nimbus='urn:pulumi:dev::homelab::{FLEET}::fleet-nimbus' --protect=false --generate-code=false"
    )


def test_several_servers_of_one_label_are_refused():
    said = verdict(LABEL, None, "your search returned too many results: 2. Please refine your search to be more specific", URN)
    assert said is not None and "more than one server" in said


def test_when_vultr_cannot_be_asked_nothing_is_bought():
    said = verdict(LABEL, None, "gave up after 4 attempts", URN)
    assert said is not None and "cannot find out" in said and "gave up after 4 attempts" in said
