import pytest

from tests.graph import Graph, stack_graph


@pytest.fixture(params=["dev", "home"])
def graph(request: pytest.FixtureRequest) -> Graph:
    return stack_graph(request.param)


@pytest.fixture
def dev() -> Graph:
    return stack_graph("dev")
