"""The grammar of names, complete."""

from datetime import UTC, datetime

import pytest

from mlamd.errors import AmbiguousNameError, UnknownNameError
from mlamd.lineage.names import Place, parse_time, resolve, resolve_run, resolve_version
from mlamd.model.derived import FileVersion, Run, Step
from tests.story import S

PLACE = Place(b"/w", b"/w/sub")
DAY = 86_400


@pytest.fixture
def asked(story, view):
    """Versions 1 to 3 of a model, made by three runs a day apart, from one data file."""
    data = story.existing("sub/data", 1, "data")
    for number, public in enumerate(("abcd000000000001", "abcd000000000002", "cafe000000000003"), 1):
        at = number * DAY
        run = story.run(f"python train.py {number}", at, public)
        step = story.step(run, f"python train.py {number}", at)
        story.read(step, data, at)
        if number == 3:
            story.read(step, 3, at)
        story.write(step, "sub/model", at + 10, f"model {number}")
        if number == 2:
            story.step(run, "python second.py", at + 11)
    story.write((), "sub/a@b", 5)
    story.write((), "sub/cafe", 6)
    story.write((), "sub/@-1", 7)
    story.write((), "top", 8)
    story.write((), "/data/outside", 9)
    story.run("vim x", 4 * DAY, "dddd000000000004", kind="edit")
    return view()


def version(asked, text):
    return resolve_version(asked, text, PLACE).number


def test_runs_from_the_end(asked):
    assert [resolve_run(asked, f"@-{back}", PLACE).number for back in (2, 3)] == [2, 1]
    for name in ("@-4", "@-0", "@", "@1", "@-x", "@--1"):
        with pytest.raises(UnknownNameError):
            resolve_run(asked, name, PLACE)


def test_path_goes_before_a_run_but_for_the_last_one_where_a_run_is_asked_for(asked):
    assert resolve_run(asked, "@-1", PLACE).number == 3
    assert isinstance(resolve(asked, "@-1", PLACE), FileVersion)
    assert isinstance(resolve(asked, "cafe", PLACE), FileVersion)
    with pytest.raises(UnknownNameError, match="no run is known to have written sub"):
        resolve_run(asked, "cafe", PLACE)
    assert isinstance(resolve(asked, "cafe0", PLACE), Run)


def test_ids_and_prefixes(asked):
    assert resolve_run(asked, "cafe000000000003", PLACE).number == 3
    assert resolve_run(asked, "c", PLACE).number == 3
    assert resolve_run(asked, "dddd", PLACE).kind == "edit"
    with pytest.raises(AmbiguousNameError, match="2 runs begin with 'abcd'"):
        resolve_run(asked, "abcd", PLACE)
    with pytest.raises(UnknownNameError):
        resolve_run(asked, "cafe1", PLACE)


def test_steps(asked):
    step = resolve(asked, "abcd000000000002.2", PLACE)
    assert isinstance(step, Step)
    assert step.command == ("python", "second.py")
    assert resolve_run(asked, "abcd000000000002.2", PLACE).number == 2
    for name in ("abcd000000000002.3", "abcd000000000002.0", "ffff.1"):
        with pytest.raises(UnknownNameError):
            resolve(asked, name, PLACE)
    with pytest.raises(AmbiguousNameError):
        resolve(asked, "abcd.1", PLACE)


def test_paths(asked):
    newest = version(asked, "model")
    names = ("./model", "../sub/model", "/w/sub/model", "../sub/../sub//model")
    assert {version(asked, name) for name in names} == {newest}
    assert version(asked, "../top") != newest
    assert resolve_version(asked, "/data/outside", PLACE).path == b"/data/outside"
    assert resolve_version(asked, "../../data/outside", PLACE).path == b"/data/outside"
    assert resolve_version(asked, "a@b", PLACE).path == b"sub/a@b"
    assert resolve_version(asked, "a@b@1970-01-02", PLACE).path == b"sub/a@b"
    for name in ("top", "..", ".", "", "model/", "@", "a@", "@b"):
        if name == "model/":
            continue
        with pytest.raises(UnknownNameError):
            version(asked, name)


def test_versions_from_the_end(asked):
    newest = version(asked, "model")
    assert [version(asked, f"model@-{back}") for back in (1, 2)] == [newest - 1, newest - 2]
    for name in ("model@-3", "nothing@-1"):
        with pytest.raises(UnknownNameError):
            version(asked, name)


@pytest.mark.parametrize(
    ("moment", "back"),
    [
        ("1970-01-04T00:00:10+00:00", 0),
        ("1970-01-04T00:00:09.9Z", 1),
        ("1970-01-04 00:00:09+00:00", 1),
        ("1970-01-03T12:00+12:00", 2),
        ("19700103T235959Z", 1),
        ("2200-01-01", 0),
    ],
)
def test_versions_at_a_time(asked, moment, back):
    newest = version(asked, "model")
    if "-" not in moment[:5]:
        with pytest.raises(UnknownNameError):
            version(asked, f"model@{moment}")
        return
    assert version(asked, f"model@{moment}") == newest - back


def test_time_before_the_first_version(asked):
    with pytest.raises(UnknownNameError, match="no version of model is known from before 1960-01-01"):
        version(asked, "model@1960-01-01")


def test_times():
    local = datetime(2026, 11, 20, 10).astimezone()
    for text in ("2026-11-20T10:00", "2026-11-20 10:00", "2026-11-20T10:00:00", "2026-11-20T10"):
        assert parse_time(text) == int(local.timestamp()) * S
    assert parse_time("2026-11-20T10:00Z") == int(datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()) * S
    for text in ("", "10:00", "2026-13-01", "2026-11", "0001-01-01", "9999-99-99", "2026-11-20T25:00"):
        assert parse_time(text) is None


def test_version_of_a_run(asked):
    newest = version(asked, "model")
    assert version(asked, "model@abcd000000000002") == newest - 1
    assert version(asked, "model@abcd000000000002.1") == newest - 1
    assert version(asked, "model@cafe") == newest, "what it wrote goes before what it read"
    assert version(asked, "model@@-2") == newest - 1
    assert version(asked, "data@cafe") == 1, "what it read"
    for name in ("model@dddd", "a@b@cafe", "model@nobody", "model@abcd000000000002.2"):
        with pytest.raises(UnknownNameError):
            version(asked, name)
    with pytest.raises(AmbiguousNameError):
        version(asked, "model@abcd")


def test_version_ids_and_digests(asked):
    newest = resolve_version(asked, "model", PLACE)
    assert version(asked, newest.id) == newest.number
    digest = newest.digest.hex()
    for length in (64, 63, 20, 7, 6):
        assert version(asked, digest[:length]) == newest.number
    for name in ("v99", "v0", "v", digest[:5], "0" * 64, digest + "0", digest[:-1] + "x"):
        with pytest.raises(UnknownNameError):
            version(asked, name)


def test_same_content_names_the_newest(story, view):
    for path in ("a", "b", "c"):
        story.existing(path, 1, "same")
    asked = view()
    digest = asked.version(1).digest.hex()
    assert resolve_version(asked, digest[:12], PLACE).number == 3


def test_ambiguous_digest(story, view):
    story.existing("a", 1, "one")
    story.existing("b", 1, "two")
    digests = [b"\xab\xcd\xef" + bytes(28) + bytes((last,)) for last in (1, 2)]
    places = [place for place, event in enumerate(story.events) if hasattr(event, "digest")]
    for place, digest in zip(places, digests, strict=True):
        event = story.events[place]
        values = [getattr(event, name) for name in event.__dataclass_fields__]
        story.events[place] = type(event)(*[digest if type(v) is bytes else v for v in values])
    with pytest.raises(AmbiguousNameError, match="2 contents"):
        resolve(view(), "abcdef", PLACE)
    assert resolve(view(), "abcdef" + "0" * 57 + "2", PLACE).number == 2


def test_run_that_wrote_a_file(asked):
    assert resolve_run(asked, "model", PLACE).number == 3
    assert resolve_run(asked, "model@-2", PLACE).number == 1
    with pytest.raises(UnknownNameError, match="no run is known to have written sub/data"):
        resolve_run(asked, "data", PLACE)


def test_a_file_is_not_a_run(asked):
    with pytest.raises(UnknownNameError, match="is a run"):
        resolve_version(asked, "cafe0", PLACE)
