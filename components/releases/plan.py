"""What runs in the cluster, as it will be: releases in order, namespaces, issuers, Secrets, names. Pure but for reading chart folders.

Live values (keys of storage users, addresses of rented machines) come in as plain arguments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from components.releases import naming
from components.releases.catalogue import block, files
from components.releases.hosts import Host, hosts
from components.releases.lan import opened
from components.releases.naming import NamesPlan
from components.releases.selection import Release, catalogue, issuer_of, issuers
from components.releases.warnings import warnings
from components.storage.access import KUBERNETES_BLOCK, KUBERNETES_FILES
from config.applications import ApplicationSecrets
from config.authority import Authority
from config.document import ROOT
from config.model import Homelab


@dataclass(frozen=True)
class StorageSecret:
    """A storage user's key as the charts of ceph-csi read it."""

    namespace: str
    name: str
    user: str


@dataclass(frozen=True)
class ReleasesPlan:
    """Everything in the cluster; empty without one. `releases` by key, each after what it needs; `issuers`: ClusterIssuer -> spec.

    `hosts`: application -> its name; `signers`: application -> who signs for it. `opened`: own machine -> what it lets in from its LAN.
    """

    identifier: str
    releases: Mapping[str, Release]
    issuers: Mapping[str, Mapping[str, JsonValue]]
    hosts: Mapping[str, Host]
    signers: Mapping[str, str]
    authority: Authority | None
    secrets: ApplicationSecrets
    names: NamesPlan
    opened: Mapping[str, Sequence[str]]
    warnings: Sequence[str]

    @property
    def enabled(self) -> bool:
        """Whether anything is to run."""
        return bool(self.releases)

    @property
    def packages(self) -> Sequence[str]:
        """Of the distribution, on every machine."""
        return self.names.packages

    @property
    def certificate(self) -> str:
        """The private authority's, for browsers and laptops to trust; empty without one."""
        return self.authority.certificate if self.authority else ""

    @property
    def namespaces(self) -> Sequence[str]:
        """Those that are made for them; kube-system is there."""
        return sorted({release.namespace for release in self.releases.values()} - {"kube-system"})

    @property
    def storage_secrets(self) -> Mapping[str, StorageSecret]:
        """Key of a release -> the key of the storage user that it needs."""
        known = {"files": (files.SECRET, KUBERNETES_FILES), "block": (block.SECRET, KUBERNETES_BLOCK)}
        return {key: StorageSecret(self.releases[key].namespace, *said) for key, said in known.items() if key in self.releases}

    def url(self, app: str) -> str | None:
        """Where it is reached; None for what is reached in the cluster only."""
        host = self.hosts.get(app)
        return f"https://{host.name}/" if host and host.entrances else None


def plan(homelab: Homelab, root: Path = ROOT) -> ReleasesPlan:
    """Of a configuration in which `check` finds nothing."""
    there = homelab.kubernetes.kubespray is not None
    known = hosts(homelab) if there else {}
    names = naming.plan(homelab)
    return ReleasesPlan(
        identifier=f"homelab-{homelab.stack}",
        releases=catalogue(homelab, root) if there else {},
        issuers=issuers(homelab) if there else {},
        hosts=known,
        signers={name: issuer_of(homelab, host) for name, host in known.items() if host.entrances},
        authority=homelab.identities.authority if there else None,
        secrets=homelab.application_secrets if there else {},
        names=names,
        opened=opened(homelab) if there else {},
        warnings=warnings(homelab) if there else [],
    )
