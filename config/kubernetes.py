"""homelab:kubernetes: the cluster's networks."""

from ipaddress import IPv4Network

from pydantic import Field

from config.base import Model
from config.types import PrivateNetwork


class Kubernetes(Model):
    """The defaults are Kubespray's own."""

    pods: PrivateNetwork = Field(IPv4Network("10.233.64.0/18"), description="Addresses of pods")
    services: PrivateNetwork = Field(IPv4Network("10.233.0.0/18"), description="Addresses of services")
