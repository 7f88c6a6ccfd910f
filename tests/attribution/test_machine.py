"""Properties of the whole machine: nothing raises, nothing dangles, drains may fall anywhere."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlamd.model import events
from mlamd.model import observations as seen
from mlamd.model.evidence import Grade
from mlamd.model.processes import HeldFile
from tests.attribution.book import Book
from tests.attribution.world import MS, Node, S, World

PATHS = ["a", "b", "d/a", "d/e/b", ".git/x", "__pycache__/a.cpython-311.pyc"]
COMMANDS = ["bash -i", "python a.py", "make", "vim a", "git add", "torchrun t.py", "cat a", "jupyter-lab"]

_path = st.sampled_from(PATHS)
_who = st.integers(0, 7)
_mode = st.sampled_from(["r", "w", "a", "r+", "w+"])
_ARGUMENTS: dict[str, st.SearchStrategy[object]] = {
    "start": st.sampled_from(COMMANDS),
    "fork": st.none(),
    "exec": st.sampled_from(COMMANDS),
    "exit": st.sampled_from([0, 1, -9, None]),
    "hold": st.sampled_from(["1", "2", "1 2"]),
    "poll": st.booleans(),
    "wait": st.sampled_from([10 * MS, 300 * MS, 2 * S, 90 * S]),
    "lost": st.sampled_from(["", "d"]),
    "forget": st.none(),
    "open": st.tuples(_path, _mode),
    "close": st.tuples(_path, st.booleans()),
    "move": st.tuples(_path, _path) | st.sampled_from([("d", "x"), ("x", "d"), ("d/e", ".git")]),
    "link": st.tuples(_path, _path),
} | dict.fromkeys(["read", "write", "change", "remove", "find", "scan", "miss"], _path)
_OFTEN = ["read", "write", "read", "write", "open", "close", "start", "poll", "exit", "move"]
_verb = st.sampled_from([*_OFTEN, *_ARGUMENTS])
_deed = _verb.flatmap(lambda verb: st.tuples(st.just(verb), _who, _ARGUMENTS[verb]))
_deeds = st.lists(_deed, min_size=10, max_size=60)


class Player:
    """Plays deeds in a world; what is impossible is left out."""

    def __init__(self, kind: str) -> None:
        self.world = World(identified=kind == "identified", exact=kind in {"exact", "quick"})
        self.world.quick = kind == "quick"
        self.all: list[events.Event] = []
        self.shell = self.world.shell()
        self.shell / "make" / "python a.py"
        self.shell.start("cat a").fork()

    def play(self, deeds: list[tuple]) -> None:
        for verb, number, detail in deeds:
            who = self.world.nodes[number % len(self.world.nodes)]
            if verb in {"start", "fork", "exec", "exit", "hold", "poll", "wait", "lost", "forget"}:
                self._process(verb, who, detail)
            else:
                self._file(verb, who, detail)

    def _process(self, verb: str, who: Node, detail) -> None:
        world = self.world
        if verb == "start":
            who / detail
        elif verb == "fork":
            who.fork()
        elif verb == "exec" and who is not self.shell:
            who.exec(detail)
        elif verb == "exit" and who is not self.shell:
            who.exit(detail)
        elif verb == "hold":
            who.holds(reads=detail, writes="2", files=[HeldFile(b"/w/a", reads=True, writes=False)])
        elif verb == "poll":
            world.poll(idle=[who] if detail else [])
        elif verb == "wait":
            world.tick(detail)
        elif verb == "lost":
            scope = world.path(detail) if detail else b""
            world.see(seen.Lost(world.tick(), world.clock.now_ns(), scope, "overflow"))
        elif verb == "forget":
            self.all += world.attributor.drain()
            world.memory.fold(self.all)
            self.world.attributor.forget()

    def _file(self, verb: str, who: Node, detail) -> None:
        world = self.world
        names = detail if isinstance(detail, tuple) else (detail,)
        first = world.path(names[0])
        if verb == "write":
            world.writes(names[0], by=who)
        elif verb == "read":
            world.reads(names[0], by=who)
        elif verb == "move":
            world.moves(names[0], names[1], by=who)
        elif verb == "remove":
            world.removes(names[0], by=who)
        elif verb == "open" and (first in world.files or names[1][0] != "r"):
            world.opens(names[0], by=who, mode=names[1])
        elif first not in world.files:
            return
        elif verb == "close":
            world.closes(names[0], by=who, wrote=names[1])
        elif verb == "link" and names[0] != names[1]:
            world.links(names[0], names[1], by=who)
        elif verb == "change":
            world.modifies(names[0])
        elif verb in {"find", "scan"}:
            world.finds(names[0], live=verb == "scan")
        elif verb == "miss":
            world.see(seen.FileMissing(world.tick(), first))

    def end(self) -> list[events.Event]:
        self.world.poll()
        self.world.tick(2 * S)
        self.world.poll()
        self.world.attributor.finish(self.world.tick())
        return self.all + self.world.attributor.drain()


_kinds = st.sampled_from(["anonymous", "identified", "exact", "quick"])
_settings = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@_settings
@given(_deeds, _kinds)
def test_no_sequence_raises_and_every_reference_was_introduced_before(deeds: list[tuple], kind: str) -> None:
    player = Player(kind)
    player.play(deeds)
    book = Book()
    book.add(player.end())
    assert player.world.attributor.holding == 0
    grades = {*book.reads().values(), *book.writes().values()}
    assert Grade.DECLARED not in grades
    if kind == "anonymous":
        assert Grade.OBSERVED not in grades


@_settings
@given(_deeds, _kinds, st.lists(st.integers(0, 60), max_size=8))
def test_drains_may_fall_anywhere(deeds: list[tuple], kind: str, cuts: list[int]) -> None:
    whole, split = Player(kind), Player(kind)
    deeds = [deed for deed in deeds if deed[0] != "forget"]
    whole.play(deeds)
    expected = whole.end()
    places = sorted(cut for cut in cuts if cut < len(deeds))
    for begin, end in zip([0, *places], [*places, len(deeds)], strict=True):
        split.play(deeds[begin:end])
        split.all += split.world.attributor.drain()
        assert split.world.attributor.pending == 0
    assert split.end() == expected


@_settings
@given(_deeds, _deeds, st.booleans())
def test_a_restart_keeps_all_numbers_dense(before: list[tuple], after: list[tuple], kind: str) -> None:
    player = Player(kind)
    player.play([deed for deed in before if deed[0] != "forget"])
    player.world.book.add(player.end())
    player.world = player.world.restarted()
    player.all = []
    player.play([deed for deed in after if deed[0] != "forget"])
    player.world.book.add(player.end())
