"""Objects of the cluster that no chart brings: namespaces, Secrets, issuers.

The SDK's own classes for them cost a third of a second of every preview, for it has a class for every kind in one module.
"""

from collections.abc import Mapping
from typing import Any

import pulumi

FORCE = {"pulumi.com/patchForce": "true"}
"""Fields of an object that a killed run has made still belong to that run; without this the next one may not change them."""

NAMESPACE, SECRET, ISSUER = "core/v1:Namespace", "core/v1:Secret", "cert-manager.io/v1:ClusterIssuer"


class Object(pulumi.CustomResource):
    """One object; `kind`: the provider's name of it. `metadata` is what the cluster has made of it."""

    def __init__(
        self, name: str, kind: str, called: str, said: Mapping[str, Any], opts: pulumi.ResourceOptions, namespace: str | None = None
    ) -> None:
        group, _, last = kind.partition(":")
        metadata = {"name": called, "annotations": FORCE, **({"namespace": namespace} if namespace else {})}
        head = {"apiVersion": group.removeprefix("core/"), "kind": last, "metadata": metadata}
        super().__init__(f"kubernetes:{kind}", name, {**head, **said}, opts)

    @property
    def metadata(self) -> pulumi.Output[Any]:
        found: pulumi.Output[Any] = pulumi.get(self, "metadata")
        return found
