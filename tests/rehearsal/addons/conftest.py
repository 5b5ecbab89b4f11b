from collections.abc import Iterator

import pytest

from rehearsal.addons import install as addons
from rehearsal.kubernetes import install as kubernetes
from tests.rehearsal.addons.plane import Plane
from tests.rehearsal.plugins.kubernetes.control_plane import control_plane


@pytest.fixture(scope="session")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    addons.ensure()
    folder = tmp_path_factory.mktemp("plane")
    with control_plane(kubernetes.ensure(), folder) as made:
        yield Plane(made, folder)
