"""Filter `address`: the n-th address of a network, as text."""

from collections.abc import Callable
from ipaddress import ip_network


def address(network: str, number: int) -> str:
    return str(ip_network(network)[number])


class FilterModule:
    """What Ansible looks for in a file of filters."""

    def filters(self) -> dict[str, Callable[[str, int], str]]:
        return {"address": address}
