"""Stores made of a few events, and questions to them."""

from collections.abc import Callable

import pytest

from mlamd.catalog.fold import fold
from mlamd.catalog.overlay import Empty, Overlay
from mlamd.lineage.view import View
from tests.story import Story


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def view(story: Story) -> Callable[[], View]:
    """Return a reading of the story as far as it is told."""

    def make() -> View:
        tables = Overlay(Empty())
        fold(tables, 1, story.events)
        return View(tables)

    return make
