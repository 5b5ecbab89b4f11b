"""What the operator may say about the lab. Imports without pulumi."""

from pydantic import ConfigDict, Field, SecretStr

from config.applications import Application, ApplicationName, ApplicationSecrets
from config.backup import Backup
from config.base import FrozenMapping, Model
from config.charts import Certificates, Ingress, Metrics, Volumes
from config.identities import Identities
from config.kubernetes import Kubernetes
from config.machines import Machine
from config.mesh import Mesh
from config.names import Names
from config.operator import Operator
from config.storage import Storage
from config.types import Fqdn, HostName


class Topics(Model):
    """The plain `homelab:*` keys of a stack file."""

    domain: Fqdn = Field(description="The domain of the lab's names, for example example.net")
    operator: Operator = Field(default_factory=lambda: Operator.model_validate({}), description="How the operator reaches the machines")
    machines: FrozenMapping[HostName, Machine] = Field(
        description="Machines by name; the own one with the lowest mesh address is the first node"
    )
    mesh: Mesh = Field(description="The private network between all machines and clients")
    names: Names = Field(default_factory=lambda: Names.model_validate({}), description="Name servers, time servers, public names")
    kubernetes: Kubernetes = Field(default_factory=lambda: Kubernetes.model_validate({}), description="The cluster that Kubespray makes")
    storage: Storage = Field(default_factory=lambda: Storage.model_validate({}), description="Ceph on the disks of the own machines")
    ingress: Ingress = Field(default_factory=lambda: Ingress.model_validate({}), description="Where web requests come in")
    certificates: Certificates = Field(default_factory=lambda: Certificates.model_validate({}), description="Who signs certificates")
    volumes: Volumes = Field(default_factory=lambda: Volumes.model_validate({}), description="Persistent volumes on Ceph")
    metrics: Metrics = Field(default_factory=lambda: Metrics.model_validate({}), description="Measures of the cluster")
    applications: FrozenMapping[ApplicationName, Application] = Field({}, description="What runs in the cluster, by name")
    backup: Backup = Field(default_factory=lambda: Backup.model_validate({}), description="Borg on every machine, onto the shared files")


class Homelab(Topics):
    """The whole configuration of one stack: its topics, its identities, and what the operator's own files add.

    `machines` are in the order of `config.stack.in_order`: own ones first, then by mesh address.
    """

    model_config = ConfigDict(validate_by_name=True)

    stack: str
    identities: Identities
    operator_key: SecretStr | None = None
    application_secrets: ApplicationSecrets = Field({})
