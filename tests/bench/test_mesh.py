"""What the mesh's measure reads of the state."""

from bench.mesh import scripts

URN = "urn:pulumi:dev::homelab::homelab:mesh:Mesh$command:remote:Command"


def test_only_what_runs_on_machines_for_the_mesh_is_run_again() -> None:
    kinds = {
        f"{URN}::mesh-join-oak": "command:remote:Command",
        f"{URN}::storage-mount-oak": "command:remote:Command",
        "urn:pulumi:dev::homelab::homelab:mesh:Mesh::mesh": "homelab:mesh:Mesh",
        f"{URN}::mesh-probe-oak": "command:remote:Command",
    }
    state = {"deployment": {"resources": [{"urn": urn, "type": kind} for urn, kind in kinds.items()]}}
    assert scripts(state) == [f"{URN}::mesh-join-oak", f"{URN}::mesh-probe-oak"]
