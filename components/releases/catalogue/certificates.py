"""Values of cert-manager's chart (1.21), and the issuers that stand on it. Pure."""

from collections.abc import Mapping

from pydantic import JsonValue

from config.charts import Certificates

NAMESPACE = "cert-manager"
AUTHORITY = "homelab-authority"
"""The Secret with the private authority's key, in cert-manager's namespace: where it looks for the Secrets of ClusterIssuers."""

PRIVATE = "private"
SERVERS = {
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}


def values() -> Mapping[str, JsonValue]:
    """With its CRDs, which stay when the release goes, for certificates would go with them. One copy of each part, on own machines."""
    small: JsonValue = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}}
    return {
        "crds": {"enabled": True, "keep": True},
        "global": {"leaderElection": {"namespace": NAMESPACE}},
        "prometheus": {"enabled": False},
        "resources": small,
        "webhook": {"resources": small},
        "cainjector": {"resources": small},
        "startupapicheck": {"timeout": "2m"},
    }


def issuers(said: Certificates, entrance: str) -> Mapping[str, Mapping[str, JsonValue]]:
    """ClusterIssuer -> its spec: the private authority, and both of Let's Encrypt where one of them is wanted.

    `entrance`: the class of the Ingresses that the Internet reaches; Let's Encrypt asks for a page there.
    """
    found: dict[str, Mapping[str, JsonValue]] = {PRIVATE: {"ca": {"secretName": AUTHORITY}}}
    if said.issuer in SERVERS:
        found |= {name: _acme(name, said.email, entrance) for name in SERVERS}
    return found


def _acme(name: str, email: str | None, entrance: str) -> Mapping[str, JsonValue]:
    solver: JsonValue = {"http01": {"ingress": {"ingressClassName": entrance}}}
    mail: dict[str, JsonValue] = {"email": email} if email else {}
    return {"acme": {"server": SERVERS[name], **mail, "privateKeySecretRef": {"name": f"{name}-account"}, "solvers": [solver]}}
