"""homelab:operator: how the person who runs the program reaches the machines."""

from typing import Literal

from pydantic import Field

from config.base import Model
from config.types import Ed25519PublicKey, Network, Text

# SSH public keys that stand in the repository as examples: nobody has the private half, so a machine that lets in this key alone is lost.
EXAMPLE_KEYS = frozenset({"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOk2KBx1PtlvY9mXryuLWQkZ2eVjoYM4k2+ZwVH9/g6A"})


class Operator(Model):
    """Paths are relative to the project's folder; `~` is the operator's home."""

    via: Literal["lan", "mesh"] = Field("lan", description="Where SSH goes: lan, or mesh for an operator who is its client")
    public_key: Ed25519PublicKey | None = Field(None, description="SSH public key that rented machines let in: ssh-ed25519 AAAA…")
    private_key_file: Text | None = Field(None, description="SSH private key; without it the SSH agent is used, and no key is in the state")
    known_hosts_file: Text | None = Field(None, description="known_hosts file, in place of ssh.hostKey at each machine")
    networks: tuple[Network, ...] = Field((), description="Further networks that SSH may come from, besides LAN and mesh")
