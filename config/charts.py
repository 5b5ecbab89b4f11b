"""Helm charts as an operator names them, and the topics that are one chart each: ingress, certificates, volumes, metrics."""

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from config.base import Model
from config.kubernetes import Folder
from config.size import Size
from config.types import Text, form, pattern

MIB = 1024**2
_VERSION = r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"
_OCI = r"oci://[a-z0-9.-]+(:\d+)?(/[a-z0-9][a-z0-9._-]*)+"
_URL = r"https://[a-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~-]+)*/?"

ChartVersion = Annotated[
    Text,
    form(_VERSION, "one version of a chart", "write all three numbers, for example 3.17.1: ranges and 'latest' move"),
    pattern(_VERSION),
]
OciAddress = Annotated[
    Text,
    form(_OCI, "the address of a chart in a registry", "write oci://registry/path/chart; its version apart"),
    pattern(_OCI),
]
RepositoryUrl = Annotated[
    Text,
    form(_URL, "the address of a chart repository", "write https://…, the folder that has index.yaml"),
    pattern(_URL),
]
ChartName = Annotated[Text, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Email = Annotated[
    Text,
    form(r"[^@\s]+@[^@\s]+\.[^@\s]+", "a mail address", "write for example you@example.net"),
    WithJsonSchema({"type": "string", "format": "email"}),
]


class Chart(Model):
    """Where a chart comes from: `oci`, or `repository` and `name`, each with its version; or a `folder`."""

    oci: OciAddress | None = Field(None, description="A chart in a registry: oci://ghcr.io/nginx/charts/nginx-ingress")
    repository: RepositoryUrl | None = Field(None, description="A chart repository: https://ceph.github.io/csi-charts")
    name: ChartName | None = Field(None, description="The chart's name in the repository")
    version: ChartVersion | None = Field(None, description="Exactly one version, for example 3.17.1")
    folder: Folder | None = Field(None, description="A folder of a chart, from the project's folder on")


def _oci_chart(address: str, version: str) -> Chart:
    return Chart.model_validate({"oci": address, "version": version})


def _repository_chart(url: str, name: str, version: str) -> Chart:
    return Chart.model_validate({"repository": url, "name": name, "version": version})


NGINX_INGRESS = _oci_chart("oci://ghcr.io/nginx/charts/nginx-ingress", "2.6.4")
CERT_MANAGER = _oci_chart("oci://quay.io/jetstack/charts/cert-manager", "v1.21.1")
CEPHFS = _repository_chart("https://ceph.github.io/csi-charts", "ceph-csi-cephfs", "3.17.1")
RBD = _repository_chart("https://ceph.github.io/csi-charts", "ceph-csi-rbd", "3.17.1")
METRICS_SERVER = _repository_chart("https://kubernetes-sigs.github.io/metrics-server/", "metrics-server", "3.13.1")


class Entrance(Model):
    """One nginx on each machine of its kind, at ports 80 and 443."""

    memory: Size = Field(Size(256 * MIB), description="What one nginx may use at most")


class Ingress(Model):
    """Where web requests come in. Without `public` and `home` nobody lets them in."""

    chart: Chart = Field(NGINX_INGRESS, description="The chart of F5 nginx/kubernetes-ingress, or one with the same values")
    public: Entrance | None = Field(None, description="On the rented machines, for the world; only applications that are public")
    home: Entrance | None = Field(None, description="On the own machines, for LAN and mesh; all applications")


Issuer = Literal["letsencrypt", "letsencrypt-staging", "private"]


class Certificates(Model):
    """Who signs the applications' certificates. Without `issuer` there are none, and no TLS."""

    chart: Chart = Field(CERT_MANAGER, description="The chart of cert-manager, or one with the same values")
    issuer: Issuer | None = Field(
        None, description="Who signs for public applications; for those at home only it is always the private authority"
    )
    email: Email | None = Field(None, description="Whom Let's Encrypt may write to")


Reclaim = Literal["Retain", "Delete"]


class FileVolumes(Model):
    """Volumes on the shared file system."""

    chart: Chart = Field(CEPHFS, description="The chart of ceph-csi for CephFS, or one with the same values")
    reclaim: Reclaim = Field("Retain", description="What happens to the data of a volume that is given back: kept, or deleted")


class BlockVolumes(Model):
    """Volumes that are block devices, each for one pod at a time."""

    chart: Chart = Field(RBD, description="The chart of ceph-csi for RBD, or one with the same values")
    reclaim: Reclaim = Field("Retain", description="What happens to the data of a volume that is given back: kept, or deleted")


class Volumes(Model):
    """Persistent volumes on Ceph, made when an application claims them."""

    files: FileVolumes | None = Field(None, description="On the file system, storage class `files`; without it there is none")
    block: BlockVolumes | None = Field(None, description="On block devices, storage class `block`; without it there is none")


class MetricsServer(Model):
    """What `kubectl top` asks."""

    chart: Chart = Field(METRICS_SERVER, description="The chart of metrics-server, or one with the same values")


class Metrics(Model):
    """Measures of the cluster."""

    server: MetricsServer | None = Field(None, description="metrics-server, for `kubectl top`; without it there is none")
