"""Every release that a configuration asks for: which chart, with what values, after which others. Pure but for reading chart folders."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from components.releases import charts
from components.releases.catalogue import application, block, certificates, files, ingress, metrics
from components.releases.catalogue.ceph import Cluster
from components.releases.charts import DIGEST, OWN
from components.releases.hosts import HOME, PUBLIC, Host, doors, hosts
from components.storage.layout import layout
from config.applications import Application
from config.ceph import PLACEHOLDER
from config.charts import Chart, Entrance
from config.document import ROOT
from config.model import Homelab

APPLICATIONS = "applications"
"""The namespace of all of them."""

INFRASTRUCTURE, MSGR1, MSGR2 = 180, 6789, 3300
HISTORY = 5


@dataclass(frozen=True)
class Release:
    """One Helm release. `key` tells it among all, `name` in its `namespace`; `needs`: keys of releases and issuers that come before.

    `chart` and `repository` and `version` are Helm's words; of a folder `version` is None. `description` carries the digest of a folder
    whose chart takes no value of it. `secret`: the application whose Secret it reads.
    """

    key: str
    name: str
    namespace: str
    chart: str
    repository: str | None
    version: str | None
    values: Mapping[str, JsonValue]
    needs: Sequence[str] = ()
    deadline: int = INFRASTRUCTURE
    description: str | None = None
    skip_crds: bool = False
    secret: str | None = None


def issuer_key(name: str) -> str:
    """The key of a ClusterIssuer among the steps."""
    return f"issuer-{name}"


def app_key(name: str) -> str:
    """The key of an application's release."""
    return f"app-{name}"


def catalogue(homelab: Homelab, root: Path = ROOT) -> Mapping[str, Release]:
    """By key, each after all that it needs. Of a configuration with a cluster in which `check` finds nothing."""
    found = {release.key: release for release in _all(homelab, root)}
    signers = {issuer_key(name): ("certificates",) for name in issuers(homelab)}
    needs = {**{key: release.needs for key, release in found.items()}, **signers}
    return {key: found[key] for key in order(needs) if key in found}


def order(needs: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The keys, each after those it needs; else as they come. What is needed and no key is passed over. ValueError for a circle."""
    done: dict[str, None] = {}

    def visit(key: str, above: tuple[str, ...]) -> None:
        if key in above:
            raise ValueError(f"{' needs '.join((*above[above.index(key) :], key))}")
        for other in needs[key]:
            if other in needs:
                visit(other, (*above, key))
        done.setdefault(key)

    for key in needs:
        visit(key, ())
    return [*done]


def issuers(homelab: Homelab) -> Mapping[str, Mapping[str, JsonValue]]:
    """ClusterIssuer -> its spec; each needs cert-manager."""
    return certificates.issuers(homelab.certificates, PUBLIC) if homelab.certificates.issuer else {}


def issuer_of(homelab: Homelab, host: Host) -> str:
    """Who signs for a name: Let's Encrypt only where it can look."""
    return homelab.certificates.issuer or "" if host.public else certificates.PRIVATE


def _all(homelab: Homelab, root: Path) -> Iterator[Release]:
    yield from _infrastructure(homelab, root)
    known = hosts(homelab)
    for name, said in homelab.applications.items():
        yield _application(homelab, root, name, said, known.get(name))


def _infrastructure(homelab: Homelab, root: Path) -> Iterator[Release]:
    said = homelab
    if said.certificates.issuer:
        yield _release(root, "certificates", "cert-manager", certificates.NAMESPACE, said.certificates.chart, certificates.values())
    for entrance, wanted in ((PUBLIC, said.ingress.public), (HOME, said.ingress.home)):
        if wanted:
            name = f"ingress-{entrance}"
            values = _entrance(homelab, entrance, wanted)
            yield _release(root, name, name, "ingress", said.ingress.chart, values, skip_crds=True)
    files_, block_, storage = said.volumes.files, said.volumes.block, said.storage
    if files_ and storage.filesystem:
        values = files.values(_cluster(homelab), storage.filesystem.name, files_.reclaim, default=True)
        yield _release(root, "files", "ceph-csi-cephfs", "volumes-files", files_.chart, values)
    if block_ and storage.block:
        values = block.values(_cluster(homelab), storage.block.name, block_.reclaim, default=not files_)
        yield _release(root, "block", "ceph-csi-rbd", "volumes-block", block_.chart, values)
    if said.metrics.server:
        yield _release(root, "metrics", "metrics-server", metrics.NAMESPACE, said.metrics.server.chart, metrics.values())


def _entrance(homelab: Homelab, entrance: str, wanted: Entrance) -> Mapping[str, JsonValue]:
    machines = doors(homelab, entrance)
    taints = [taint for name in machines for taint in homelab.machines[name].taints]
    return ingress.values(entrance, machines, taints, wanted.memory)


def _cluster(homelab: Homelab) -> Cluster:
    secure = homelab.storage.secure
    monitors = [f"{homelab.mesh.addresses[name]}:{MSGR2 if secure else MSGR1}" for name in layout(homelab).monitors]
    workers = [name for name, machine in homelab.machines.items() if not machine.rented]
    fsid = homelab.identities.ceph.fsid if homelab.identities.ceph else PLACEHOLDER
    return Cluster(fsid, monitors, secure, len(workers))


def _application(homelab: Homelab, root: Path, name: str, said: Application, host: Host | None) -> Release:
    classes = host.entrances if host else ()
    issuer = issuer_of(homelab, host) if host else ""
    secret = name if name in homelab.application_secrets else None
    own = said.chart is not None
    chart = said.chart or Chart.model_validate({"folder": f"{OWN}/{said.kind}"})
    values: Mapping[str, JsonValue] = {}
    if not own and host:
        mount_point = homelab.storage.filesystem.mount_point if homelab.storage.filesystem else ""
        values = application.values(said, [host.name], classes, issuer, mount_point, secret_name(name) if secret else "")
    needs = [*(f"ingress-{entrance}" for entrance in classes), *([issuer_key(issuer)] if issuer and classes else [])]
    if own:  # what is in it is not known, so it comes after everything that it could stand on
        needs = ["certificates", *map(issuer_key, issuers(homelab)), "ingress-public", "ingress-home", "files", "block"]
    elif said.data and said.data.claim:
        needs.append(said.data.claim.class_)
    whole = charts.merged(values, said.values)
    return _release(root, app_key(name), name, APPLICATIONS, chart, whole, needs=needs, deadline=said.deadline, secret=secret)


def secret_name(app: str) -> str:
    """The Secret with an application's secret environment variables."""
    return f"{app}-secrets"


def _release(
    root: Path,
    key: str,
    name: str,
    namespace: str,
    chart: Chart,
    values: Mapping[str, JsonValue],
    *,
    needs: Sequence[str] = (),
    deadline: int = INFRASTRUCTURE,
    skip_crds: bool = False,
    secret: str | None = None,
) -> Release:
    if chart.folder is None:
        where = chart.oci or chart.name
        assert where, "components.releases.check refuses this"
        return Release(key, name, namespace, where, chart.repository, chart.version, values, needs, deadline, None, skip_crds, secret)
    read = charts.read(chart.folder, root)
    marked = DIGEST in read.values
    whole = {**values, DIGEST: read.digest} if marked else values
    description = None if marked else f"files {read.digest}"
    return Release(key, name, namespace, f"./{chart.folder}", None, None, whole, needs, deadline, description, skip_crds, secret)
