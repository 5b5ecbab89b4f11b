"""Preview of the program against a program with as many bare resources, at growing numbers of machines."""

from collections.abc import Iterator, Mapping

from bench.engine import scratch, variables
from bench.result import Limit, Result, compare, growth
from bench.stacks import grown
from config.document import ROOT, read_document

SIZES = (3, 10, 30, 100)
RUNS = 3
MOST = Limit(1.3)

BARE = '''"""As many resources as the real program has, and nothing else."""

import pulumi
import ediri_vultr as vultr
from pulumi_command import local, remote
from pulumi_kubernetes import Provider

for number in range({components}):
    pulumi.ComponentResource("bench:index:Bare", f"component-{{number}}")
for number in range({local}):
    local.Command(f"local-{{number}}", create="true")
for number in range({remote}):
    remote.Command(f"remote-{{number}}", connection=remote.ConnectionArgs(host="192.0.2.1"), create="true")
for number in range({vultr}):
    vultr.SSHKey(f"vultr-{{number}}", ssh_key="ssh-ed25519 none")
# A cluster that is not there yet, as for the real program: one that is known is asked.
later = local.Command("later", create="true").stdout if {cluster} else None
cluster = Provider("cluster", kubeconfig=later, cluster_identifier="bench") if later else None
for number in range({cluster}):
    said = {{"apiVersion": "v1", "kind": "Namespace", "metadata": {{"name": f"bare-{{number}}"}}}}
    pulumi.CustomResource("kubernetes:core/v1:Namespace", f"cluster-{{number}}", said, pulumi.ResourceOptions(provider=cluster))
'''


def measure() -> Iterator[Result]:
    """A result for each size, and one for how straight the line is."""
    document, environment = read_document("dev", ROOT), variables()
    seconds = []
    for size in SIZES:
        with scratch(None, grown(document, size), environment) as ours:
            counted = ours.resources()
            with scratch(bare(counted), {}, environment) as other:
                pairs = [(ours.timed("preview"), other.timed("preview")) for _ in range(RUNS)]
        name = f"preview, {size} machines, {sum(counted.values())} resources"
        result = compare(name, [one for one, _ in pairs], [other for _, other in pairs], "s", MOST)
        seconds.append(result.ours)
        yield result
    yield growth("preview, a machine, last step against all before", SIZES, seconds, MOST.value)


def bare(counted: Mapping[str, int]) -> str:
    """The text of a program with those numbers: components as components, commands as commands, everything in the cluster as a namespace,
    and everything that is rented as the simplest resource of that provider."""
    components = sum(number for kind, number in counted.items() if kind.startswith("homelab:"))
    local, remote = counted.get("command:local:Command", 0), counted.get("command:remote:Command", 0)
    cluster = sum(number for kind, number in counted.items() if kind.startswith("kubernetes:"))
    vultr = sum(counted.values()) - components - local - remote - cluster
    return BARE.format(components=components, local=max(0, local - bool(cluster)), remote=remote, vultr=vultr, cluster=cluster)
