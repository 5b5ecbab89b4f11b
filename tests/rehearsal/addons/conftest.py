from collections.abc import Iterator

import pytest

from tests.rehearsal.addons.plane import Plane, plane


@pytest.fixture(scope="session")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with plane(tmp_path_factory.mktemp("plane")) as made:
        yield made
