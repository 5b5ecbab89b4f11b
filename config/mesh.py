"""homelab:mesh: the private network between all machines and clients."""

from typing import Literal

from pydantic import Field

from config.base import FrozenMapping, Model
from config.types import Address, Ed25519PublicKey, HostName, PrivateNetwork, RsaPublicKey


class Client(Model):
    """A member of the mesh that is not a machine of the lab: a laptop."""

    address: Address = Field(description="Its address in the mesh")
    public_key: RsaPublicKey = Field(description="Its Tinc public key: RSA, PEM")
    backup_key: Ed25519PublicKey | None = Field(None, description="The SSH key by which it reaches its backups: ssh-ed25519 AAAA…")


class Mesh(Model):
    """Every machine has an address; clients come with their own key."""

    backend: Literal["tinc"] = Field("tinc", description="What carries the mesh")
    network: PrivateNetwork = Field(description="The network of all mesh addresses, for example 10.88.0.0/24")
    underlay_mtu: int = Field(1500, ge=1280, le=9000, description="Largest packet that the Internet paths carry; 1492 behind PPPoE")
    addresses: FrozenMapping[HostName, Address] = Field(description="The mesh address of every machine")
    lan_paths: bool = Field(
        True, description="Let machines of one LAN speak over it, unencrypted and at its speed; the tunnel takes over when it fails"
    )
    clients: FrozenMapping[HostName, Client] = Field({}, description="Laptops and other members")
