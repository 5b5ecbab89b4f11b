"""Everything that runs in the cluster: namespaces, Secrets, issuers and Helm releases, each after what it needs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_kubernetes import Provider
from pulumi_kubernetes.helm.v3 import Release as HelmRelease

from components.kubernetes.cluster import Cluster
from components.releases import hooks
from components.releases.catalogue.certificates import AUTHORITY
from components.releases.catalogue.certificates import NAMESPACE as CERTIFICATES
from components.releases.objects import ISSUER, NAMESPACE, SECRET, Object
from components.releases.plan import ReleasesPlan, StorageSecret
from components.releases.selection import APPLICATIONS, HISTORY, Release, app_key, issuer_key, secret_name

VERSION_VARIABLE = "HOMELAB_SECRETS_VERSION"
"""Changes with an application's Secret, so that its pod is made anew: a container is told of its variables only once."""


class Releases(pulumi.ComponentResource):
    """Empty where the plan is. `keys`: user of the storage -> key.

    All of it is deleted with the cluster: a destroy does not take off one release after the other. And it is made anew with the step that
    brings the cluster up: whether another cluster stands there then or the same one, what is there is taken over.
    """

    def __init__(
        self,
        name: str,
        plan: ReleasesPlan,
        cluster: Cluster | None,
        keys: pulumi.Output[dict[str, str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("homelab:releases:Releases", name, None, opts)
        self._name, self._plan, self._keys = name, plan, keys
        for warning in plan.warnings:
            pulumi.log.warn(warning, self)
        if cluster and plan.enabled:
            self._build(cluster)
        self.register_outputs({})

    def _build(self, cluster: Cluster) -> None:
        name, plan = self._name, self._plan
        self._anchor = cluster.anchor
        self._provider = Provider(
            f"{name}-cluster",
            kubeconfig=cluster.kubeconfig,
            # Without it a preview that does not know the kubeconfig yet shows everything as replaced.
            cluster_identifier=plan.identifier,
            # What a killed run has made, and what stayed when a namespace left the program, is taken over.
            upsert_existing_objects=True,
            # Else a changed Secret is deleted first, and a pod that starts meanwhile does not find it.
            enable_secret_mutable=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        known = [f"{release.namespace}/{release.name}" for release in plan.releases.values()]
        self._hooks = pulumi.ResourceHookBinding(
            before_create=[hooks.before(f"{name}-repair-create", "create", cluster)],
            before_update=[hooks.before(f"{name}-repair-update", "update", cluster)],
            on_error=[hooks.failed(f"{name}-why", cluster, known)],
        )
        # The data of applications is claimed in their namespace: it stays, whatever the program says.
        spaces = {space: self._object(f"namespace-{space}", NAMESPACE, space, {}, keep=space == APPLICATIONS) for space in plan.namespaces}
        before = {key: [self._storage_secret(key, said, spaces)] for key, said in plan.storage_secrets.items()}
        secrets = {app: self._application_secret(app, spaces[APPLICATIONS]) for app in plan.secrets if app_key(app) in plan.releases}
        steps: dict[str, pulumi.Resource] = {}
        for key, release in plan.releases.items():
            needed = [steps[need] for need in release.needs if need in steps]
            after = [*needed, *before.get(key, []), *([spaces[release.namespace]] if release.namespace in spaces else [])]
            steps[key] = self._release(release, after, secrets.get(release.secret or ""))
            if key == "certificates":
                steps |= self._issuers(steps[key], spaces[CERTIFICATES])

    def _release(self, release: Release, after: Sequence[pulumi.Resource], secret: Object | None) -> HelmRelease:
        return HelmRelease(
            f"{self._name}-{release.key}",
            name=release.name,
            namespace=release.namespace,
            chart=release.chart,
            version=release.version,
            repository_opts={"repo": release.repository} if release.repository else None,
            values=self._values(release, secret),
            description=release.description,
            timeout=release.deadline,
            atomic=True,
            cleanup_on_fail=True,
            max_history=HISTORY,
            skip_crds=release.skip_crds,
            opts=self._opts(after, self._hooks),
        )

    def _values(self, release: Release, secret: Object | None) -> dict[str, Any]:
        values: dict[str, Any] = dict(release.values)
        if secret is None or "environment" not in values:  # a chart of one's own says itself what it reads
            return values
        version = secret.metadata.apply(lambda metadata: str((metadata or {}).get("resourceVersion", "")))
        return {**values, "environment": {**values["environment"], VERSION_VARIABLE: version}}

    def _issuers(self, manager: pulumi.Resource, space: pulumi.Resource) -> dict[str, pulumi.Resource]:
        authority = self._authority(space)
        return {
            issuer_key(name): self._object(issuer_key(name), ISSUER, name, {"spec": dict(spec)}, [manager, *authority])
            for name, spec in self._plan.issuers.items()
        }

    def _authority(self, space: pulumi.Resource) -> list[pulumi.Resource]:
        signs = self._plan.authority
        if signs is None:
            return []
        texts = {"tls.crt": signs.certificate, "tls.key": signs.key.get_secret_value()}
        said = {"type": "kubernetes.io/tls", "stringData": pulumi.Output.secret(texts)}
        return [self._object("authority", SECRET, AUTHORITY, said, [space], CERTIFICATES)]

    def _storage_secret(self, key: str, said: StorageSecret, spaces: Mapping[str, pulumi.Resource]) -> pulumi.Resource:
        texts = self._keys.apply(lambda keys: {"userID": said.user, "userKey": keys[said.user]})
        held: dict[str, Any] = {"stringData": pulumi.Output.secret(texts)}
        return self._object(f"{key}-key", SECRET, said.name, held, [spaces[said.namespace]], said.namespace)

    def _application_secret(self, app: str, space: pulumi.Resource) -> Object:
        texts = {variable: value.get_secret_value() for variable, value in self._plan.secrets[app].items()}
        held = {"stringData": pulumi.Output.secret(texts)}
        return self._object(f"secrets-{app}", SECRET, secret_name(app), held, [space], APPLICATIONS)

    def _object(
        self,
        role: str,
        kind: str,
        called: str,
        said: Mapping[str, Any],
        after: Sequence[pulumi.Resource] = (),
        namespace: str | None = None,
        keep: bool = False,
    ) -> Object:
        hidden = ["data", "stringData"] if kind == SECRET else []
        more = pulumi.ResourceOptions(additional_secret_outputs=hidden, retain_on_delete=keep or None)
        return Object(f"{self._name}-{role}", kind, called, said, pulumi.ResourceOptions.merge(self._opts(after), more), namespace)

    def _opts(self, after: Sequence[pulumi.Resource], around: pulumi.ResourceHookBinding | None = None) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=self,
            provider=self._provider,
            depends_on=[*after],
            deleted_with=self._anchor,
            replace_with=[self._anchor],
            hooks=around,
        )
