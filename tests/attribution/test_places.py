from mlamd.attribution.noise import Noise
from mlamd.attribution.places import Places


def test_the_store_is_never_recorded_wherever_it_lies() -> None:
    places = Places(b"/w", (b"/data",), Noise(), b"/w/meta/store")
    assert places.relative(b"/w/meta/store") is None
    assert places.relative(b"/w/meta/store/journal/lock.mdb") is None
    assert places.relative(b"/w/meta/store2/file") == b"meta/store2/file"
    assert places.relative(b"/data/x") == b"/data/x"
    assert places.relative(b"/elsewhere") is None
