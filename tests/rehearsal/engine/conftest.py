from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.rehearsal.engine.stack import Stack, engine_environment


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    return engine_environment(tmp_path_factory.mktemp("blank"))


@pytest.fixture
def stack(tmp_path: Path, environment: Mapping[str, str]) -> Stack:
    return Stack(tmp_path, environment)
