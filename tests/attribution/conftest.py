"""Worlds for the tests of the state machine."""

import pytest

from tests.attribution.world import World


@pytest.fixture(params=["anonymous", "identified"])
def world(request: pytest.FixtureRequest) -> World:
    """Both kinds of sensors: those that name no process and those that do."""
    return World(identified=request.param == "identified")


@pytest.fixture
def anonymous() -> World:
    return World()


@pytest.fixture
def identified() -> World:
    return World(identified=True)
