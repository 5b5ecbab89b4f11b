"""The home lab, top to bottom."""

import pulumi

from components.backup.backup import Backup
from components.kubernetes import report
from components.kubernetes.kubernetes import Kubernetes
from components.machines.fleet import Fleet
from components.mesh.mesh import Mesh
from components.plan import plan
from components.registration import begun
from components.releases import report as running
from components.releases.names import Names
from components.releases.releases import Releases
from components.storage.storage import Storage
from config.load import load

lab = plan(load())

fleet = Fleet("fleet", lab.fleet)
mesh = Mesh("mesh", lab.mesh, fleet.machines, fleet.endpoints)
storage = Storage("storage", lab.storage, fleet.machines, mesh)
kubernetes = Kubernetes("kubernetes", lab.kubernetes, fleet.machines, fleet.summary, [mesh, storage])
Releases("releases", lab.releases, kubernetes.cluster, storage.keys)
names = Names("names", lab.releases.names, fleet.machines, fleet.addresses)
backup = Backup("backup", lab.backup, fleet.machines, storage, kubernetes)

pulumi.export("machines", fleet.summary)
pulumi.export("roundTripTimes", mesh.round_trip_times)
pulumi.export("storage", storage.report)
pulumi.export("objectStorage", storage.object_keys)
pulumi.export("kubernetes", report.document(lab.kubernetes))
pulumi.export("kubeconfig", kubernetes.kubeconfig)
pulumi.export("releases", running.document(lab.releases))
pulumi.export("urls", running.urls(lab.releases))
pulumi.export("names", names.report)
pulumi.export("certificateAuthority", lab.releases.certificate)
pulumi.export("backup", backup.report)
pulumi.export("backupKeys", backup.keys)
pulumi.export("clients", backup.bundles(names.bundles(kubernetes.bundles(storage.bundles(mesh.clients)))))

pulumi.run(begun)
