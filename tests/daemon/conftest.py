"""Plays a scene again in which a program had ended before anybody could look at it."""

import pytest

from tests.daemon.exactly import Scene, UnreadError


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Call a test that has a scene, at most four times."""
    scene = pyfuncitem.funcargs.get("scene")
    if not isinstance(scene, Scene):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    for attempt in range(3):
        try:
            pyfuncitem.obj(**arguments)
        except UnreadError:
            scene.enter(f"{scene.name}-{attempt}")
        else:
            return True
    pyfuncitem.obj(**arguments)
    return True
