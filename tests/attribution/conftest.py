"""Worlds for the tests of the state machine."""

import pytest

from tests.attribution.world import World


@pytest.fixture(params=["anonymous", "identified", "exact"])
def world(request: pytest.FixtureRequest) -> World:
    """All kinds of sensors: those that name no process, those that do, and those that know no modes."""
    return World(identified=request.param == "identified", exact=request.param == "exact")


@pytest.fixture
def anonymous() -> World:
    return World()


@pytest.fixture
def identified() -> World:
    return World(identified=True)


@pytest.fixture
def exact() -> World:
    return World(exact=True)
