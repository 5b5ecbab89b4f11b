"""A cluster that is up: the live handle that what runs in it receives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi


@dataclass(frozen=True)
class Cluster:
    """`kubeconfig` is the operator's, and secret. `anchor` is the step that brings the cluster up: what is in it goes with it.

    `control_plane`: own machines of it, in the order in which to ask them; `targets`: machine -> how `ssh` reaches it.
    """

    kubeconfig: pulumi.Output[str]
    anchor: pulumi.Resource
    control_plane: Sequence[str]
    targets: pulumi.Output[dict[str, dict[str, Any]]]
