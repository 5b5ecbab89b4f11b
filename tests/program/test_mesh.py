"""The mesh in the whole program: whose keys go where, what a client gets."""

from tests.graph import ADDRESS


def test_a_member_joins_with_the_keys_of_all_and_the_live_address_of_the_rented(dev):
    joined = dev["mesh-join-absis"].inputs["stdin"]
    assert "KEY of leviathan" in joined and "KEY of nimbus" in joined and f"Address = {ADDRESS}" in joined


def test_paths_are_proven_only_after_every_member_has_joined(dev):
    assert {"mesh-join-leviathan", "mesh-join-absis", "mesh-join-nimbus"} <= dev.before("mesh-probe-leviathan")


def test_a_client_gets_its_bundle_as_a_stack_output(dev):
    files = dev.outputs["clients"]["laptop"]["files"]
    assert "/usr/local/lib/homelab/mesh/join" in files and "ConnectTo = nimbus" in files["/etc/homelab/mesh.json"]


def test_a_removed_client_is_no_longer_known_to_any_member(run):
    def remove(said):
        del said["homelab:mesh"]["clients"]["laptop"], said["homelab:backup"]["clients"]

    graph = run(change=remove)
    assert not [name for name in graph.names("mesh-join-*") if "laptop" in graph[name].inputs["stdin"]]
