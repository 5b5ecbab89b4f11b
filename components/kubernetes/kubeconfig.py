"""The operator's kubeconfig out of the cluster's own admin.conf. Pure."""

from collections.abc import Mapping

import yaml

USER = "homelab-admin"


def kubeconfig(admin_conf: str, servers: Mapping[str, str], current: str) -> str:
    """One context a machine, named by it; `servers`: machine -> address. Secret. ValueError, without any of it, when `admin_conf` is none.

    A server is known by its machine's name, which is in its certificate: an address may change without a new one.
    """
    authority, user = _parts(admin_conf)
    said = {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "clusters": [
            {
                "name": name,
                "cluster": {"certificate-authority-data": authority, "server": f"https://{address}:6443", "tls-server-name": name},
            }
            for name, address in servers.items()
        ],
        "users": [{"name": USER, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": USER}} for name in servers],
        "current-context": current,
    }
    return yaml.safe_dump(said, sort_keys=True)


def _parts(admin_conf: str) -> tuple[str, dict[str, str]]:
    """The certificate authority, and the credentials of the admin."""
    try:
        said = yaml.safe_load(admin_conf)
        return said["clusters"][0]["cluster"]["certificate-authority-data"], dict(said["users"][0]["user"])
    except (yaml.YAMLError, KeyError, IndexError, TypeError, ValueError):
        raise ValueError("the cluster's admin.conf is no kubeconfig with one cluster and one user") from None
