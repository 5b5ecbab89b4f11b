"""homelab:names: who the machines ask for names and for the time."""

from pydantic import Field

from config.base import Model
from config.types import Address, TimeServer

POOL = tuple(f"{number}.pool.ntp.org" for number in range(4))


class Names(Model):
    """Without name servers each machine keeps those it has."""

    name_servers: tuple[Address, ...] = Field((), description="Name servers of all machines; none: each keeps its own")
    time_servers: tuple[TimeServer, ...] = Field(POOL, min_length=1, description="Time servers of all machines, names or addresses")
