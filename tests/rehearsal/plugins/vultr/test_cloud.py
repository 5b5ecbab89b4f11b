"""The emulated account, without Pulumi and without machines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rehearsal.plugins.vultr.cloud import Cloud
from rehearsal.plugins.vultr.hypervisor import Server
from rehearsal.plugins.vultr.objects import FirewallRule, Instance, Order, Refused
from rehearsal.plugins.vultr.store import Store

ORDER = Order(region="ord", plan="vc2-2c-4gb", os_id=2136, label="dev-nimbus", hostname="nimbus")
SSH = {"ip_type": "v4", "protocol": "tcp", "subnet": "0.0.0.0", "subnet_size": 0, "port": "22", "source": "", "notes": "ssh"}


class Paper:
    """A hypervisor that only writes down what it is asked; `broken`: the reason why nothing boots."""

    def __init__(self) -> None:
        self.servers: dict[str, Server] = {}
        self.edges: dict[str, tuple[FirewallRule, ...] | None] = {}
        self.broken = ""

    def start(self, server: Server) -> None:
        if self.broken:
            raise RuntimeError(self.broken)
        self.servers[server.name] = server

    def remove(self, name: str) -> None:
        self.servers.pop(name, None)

    def running(self, name: str) -> bool:
        return name in self.servers

    def guard(self, name: str, rules: tuple[FirewallRule, ...] | None) -> None:
        self.edges[name] = rules


class Account:
    """A cloud on paper; boots are only queued, until `install` runs one."""

    def __init__(self, root: Path) -> None:
        self.store, self.paper, self.queue = Store(root), Paper(), list[str]()
        self.cloud = Cloud(self.store, self.paper, self.queue.append)

    def running(self, order: Order = ORDER) -> Instance:
        instance = self.cloud.order(order)
        self.cloud.install(instance.id)
        return self.cloud.instance(instance.id)


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return Account(tmp_path)


def test_an_order_is_recorded_as_pending_without_address_before_anything_boots(account: Account) -> None:
    ordered = account.cloud.order(ORDER)
    assert (ordered.status, ordered.main_ip, account.paper.servers, account.queue) == ("pending", "0.0.0.0", {}, [ordered.id])
    assert account.cloud.instances() == [ordered]


def test_an_installed_instance_is_active_and_shows_its_address(account: Account) -> None:
    instance = account.running(replace(ORDER, enable_ipv6=True))
    assert (instance.status, instance.main_ip, instance.v6_main_ip) == ("active", "203.0.113.100", "2001:db8:113::100")
    assert account.cloud.powered(instance)


def test_the_account_outlives_its_client(account: Account, tmp_path: Path) -> None:
    instance = account.running()
    assert Account(tmp_path).cloud.instance(instance.id) == instance


def test_a_machine_that_does_not_boot_leaves_its_reason_in_the_account(account: Account) -> None:
    account.paper.broken = "no space left"
    instance = account.running()
    assert (instance.status, instance.main_ip, instance.error) == ("failed", "0.0.0.0", "RuntimeError: no space left")


def test_keys_user_data_and_address_reach_the_machine(account: Account) -> None:
    key = account.cloud.create_key("operator", "ssh-ed25519 AAAA operator")
    address = account.cloud.reserve("ord", "v4", "nimbus")
    account.running(replace(ORDER, sshkey_id=(key.id,), user_data="#cloud-config\n", reserved_ipv4=address.id))
    assert account.paper.servers["nimbus"] == Server("nimbus", address.subnet, None, "#cloud-config\n", ("ssh-ed25519 AAAA operator",))


def test_two_instances_of_one_host_name_are_two_machines_with_two_addresses(account: Account) -> None:
    first, second = account.running(), account.running()
    assert first.machine != second.machine
    assert first.address != second.address


def test_an_attached_reserved_address_is_refused_to_a_second_instance(account: Account) -> None:
    order = replace(ORDER, reserved_ipv4=account.cloud.reserve("ord", "v4", "").id)
    account.running(order)
    with pytest.raises(Refused, match="Floating IPv4 address is already attached to another server"):
        account.cloud.order(order)
    assert len(account.cloud.instances()) == 1


def test_an_attached_reserved_address_cannot_be_released(account: Account) -> None:
    address = account.cloud.reserve("ord", "v4", "")
    account.running(replace(ORDER, reserved_ipv4=address.id))
    with pytest.raises(Refused, match="Unable to detach subnet"):
        account.cloud.release(address.id)


def test_deleting_an_instance_wipes_its_machine_and_frees_its_reserved_address(account: Account) -> None:
    address = account.cloud.reserve("ord", "v4", "")
    instance = account.running(replace(ORDER, reserved_ipv4=address.id))
    account.cloud.delete_instance(instance.id)
    assert account.paper.servers == {}
    assert account.cloud.reserved(address.id).instance_id == ""
    account.cloud.release(address.id)


def test_a_reserved_address_is_not_given_to_others(account: Account) -> None:
    reserved = account.cloud.reserve("ord", "v4", "")
    assert account.running().address != reserved.subnet


def test_a_deleted_instance_is_not_booted_any_more(account: Account) -> None:
    ordered = account.cloud.order(ORDER)
    account.cloud.delete_instance(ordered.id)
    account.cloud.install(ordered.id)
    assert account.paper.servers == {}


def test_a_missing_instance_is_told_in_todays_dialect(account: Account) -> None:
    with pytest.raises(Refused) as refusal:
        account.cloud.instance("5e1f")
    assert str(refusal.value) == '{"error":"instance not found","status":404}'


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "a/b", "."])
def test_an_id_is_never_a_path(account: Account, name: str) -> None:
    with pytest.raises(Refused, match="instance not found"):
        account.cloud.instance(name)


def test_a_rule_that_differs_only_in_its_notes_is_a_duplicate(account: Account) -> None:
    group = account.cloud.create_group("dev")
    account.cloud.create_rule(group.id, **SSH)
    with pytest.raises(Refused, match="This rule is already defined"):
        account.cloud.create_rule(group.id, **SSH | {"notes": "other"})


def test_rules_are_numbered_within_their_group_and_numbers_are_not_used_again(account: Account) -> None:
    one, two = account.cloud.create_group("one"), account.cloud.create_group("two")
    first = account.cloud.create_rule(one.id, **SSH)
    account.cloud.delete_rule(one.id, first.id)
    assert (first.id, account.cloud.create_rule(one.id, **SSH).id, account.cloud.create_rule(two.id, **SSH).id) == (1, 2, 1)


def test_rules_reach_the_edge_of_running_members_at_once(account: Account) -> None:
    group = account.cloud.create_group("dev")
    account.running(replace(ORDER, firewall_group_id=group.id))
    assert account.paper.edges["nimbus"] == ()
    rule = account.cloud.create_rule(group.id, **SSH)
    assert account.paper.edges["nimbus"] == (rule,)
    account.cloud.delete_rule(group.id, rule.id)
    assert account.paper.edges["nimbus"] == ()


def test_rules_made_while_a_machine_boots_are_in_force_when_it_runs(account: Account) -> None:
    group = account.cloud.create_group("dev")
    ordered = account.cloud.order(replace(ORDER, firewall_group_id=group.id))
    rule = account.cloud.create_rule(group.id, **SSH)
    account.cloud.install(ordered.id)
    assert account.paper.edges["nimbus"] == (rule,)


def test_without_a_group_the_edge_is_open(account: Account) -> None:
    account.running()
    assert account.paper.edges["nimbus"] is None


def test_deleting_a_group_takes_its_rules_along(account: Account) -> None:
    group = account.cloud.create_group("dev")
    account.cloud.create_rule(group.id, **SSH)
    account.cloud.delete_group(group.id)
    with pytest.raises(Refused, match='"status":404'):
        account.cloud.group(group.id)
    assert account.cloud.rules(group.id) == ()


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (replace(ORDER, region="mars"), "Invalid region"),
        (replace(ORDER, plan="vc2-99c"), "Invalid plan"),
        (replace(ORDER, os_id=1), "Invalid OS ID"),
        (replace(ORDER, os_id=2284), "Debian 12"),
        (replace(ORDER, sshkey_id=("gone",)), "Invalid ssh key"),
        (replace(ORDER, firewall_group_id="gone"), "Firewall group"),
        (replace(ORDER, reserved_ipv4="gone"), "Invalid reserved-ip ID"),
    ],
)
def test_a_wrong_order_is_refused_and_costs_nothing(account: Account, order: Order, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        account.cloud.order(order)
    assert account.cloud.instances() == []


def test_a_patch_changes_what_it_names_and_nothing_else(account: Account) -> None:
    instance = account.running()
    account.cloud.change_instance(instance.id, plan="vc2-4c-8gb", tags=("dev",))
    assert account.cloud.instance(instance.id) == replace(instance, plan="vc2-4c-8gb", tags=("dev",))


def test_a_half_written_object_is_never_seen(account: Account, tmp_path: Path) -> None:
    key = account.cloud.create_key("operator", "ssh-ed25519 AAAA")
    (tmp_path / "ssh-keys" / f"{key.id}.new").write_text('{"id": "')
    assert account.cloud.key(key.id) == key
