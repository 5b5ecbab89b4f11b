"""Values of metrics-server's chart (3.13). Pure."""

from collections.abc import Mapping

from pydantic import JsonValue

NAMESPACE = "kube-system"


def values() -> Mapping[str, JsonValue]:
    """One copy, which asks kubelets over the mesh. Theirs are certificates that nobody has signed; the way is encrypted, or the LAN's."""
    return {
        "args": ["--kubelet-insecure-tls"],
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    }
