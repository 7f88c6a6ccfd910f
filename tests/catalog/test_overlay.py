"""Pending rows over committed ones, against a plain dict."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mlamd.catalog.catalog import Catalog
from mlamd.catalog.overlay import Overlay
from mlamd.model import codec

_KEYS = st.binary(min_size=1, max_size=3).filter(lambda key: b"\x7f" not in key)
_ROWS = st.dictionaries(_KEYS, st.lists(st.integers(0, 9), max_size=2), max_size=12)


class _Dict:
    """Committed rows in memory."""

    def __init__(self, rows):
        self._rows = {key: codec.pack(row) for key, row in rows.items()}

    def get(self, table, key):
        del table
        return self._rows.get(key)

    def scan(self, table, start, *, reverse=False):
        del table
        keys = sorted(self._rows, reverse=reverse)
        for key in keys:
            if not start or (key < start if reverse else key >= start):
                yield key, self._rows[key]


def _check(overlay, rows, probe):
    ordered = sorted(rows.items())
    assert list(overlay.scan("runs")) == ordered
    assert list(overlay.scan("runs", reverse=True)) == ordered[::-1]
    assert list(overlay.scan("runs", probe)) == [item for item in ordered if item[0] >= probe]
    before = [item for item in ordered if item[0] < probe]
    assert list(overlay.scan("runs", probe, reverse=True)) == before[::-1]
    below = [item for item in ordered if item[0].startswith(probe)]
    assert list(overlay.prefixed("runs", probe)) == below
    assert list(overlay.keys("runs", probe)) == [key for key, _ in below]
    assert overlay.get("runs", probe) == rows.get(probe)


@given(_ROWS, _ROWS, _KEYS)
def test_over_a_model(committed, pending, probe):
    overlay = Overlay(_Dict(committed))
    for key, row in pending.items():
        overlay.put("runs", key, row)
    _check(overlay, committed | pending, probe)


@settings(max_examples=25, deadline=None)
@given(_ROWS, _ROWS, _KEYS)
def test_over_lmdb(tmp_path_factory, committed, pending, probe):
    catalog = Catalog(tmp_path_factory.mktemp("catalog"), write=True)

    def work(transaction):
        for key, row in committed.items():
            transaction.put(key, codec.pack(row), db=catalog._databases["runs"])

    catalog._environment.writing(work)
    with catalog.tables() as overlay:
        for key, row in pending.items():
            overlay.put("runs", key, row)
        _check(overlay, committed | pending, probe)
    catalog.close()
