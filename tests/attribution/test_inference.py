"""Who did it, where the sensor names nobody: one candidate is inferred, several are all marked ambiguous."""

from mlamd.model import events
from mlamd.model import observations as seen
from mlamd.model.evidence import Grade
from mlamd.model.processes import HeldFile
from tests.attribution.world import MS, S, World


def test_one_candidate_is_inferred(anonymous: World) -> None:
    anonymous.shell() / "python train.py"
    anonymous.writes("model.pt")
    assert anonymous.settle().writes() == {("python train.py", "model.pt"): Grade.INFERRED}


def test_several_candidates_are_all_marked_ambiguous(anonymous: World) -> None:
    shell = anonymous.shell()
    shell / "python a.py"
    shell / "python b.py"
    anonymous.reads("x")
    anonymous.writes("y")
    book = anonymous.settle()
    assert book.reads() == {("x", "python a.py"): Grade.AMBIGUOUS, ("x", "python b.py"): Grade.AMBIGUOUS}
    assert book.writes() == {("python a.py", "y"): Grade.AMBIGUOUS, ("python b.py", "y"): Grade.AMBIGUOUS}


def test_an_access_is_held_until_a_look_at_the_processes_that_began_later_has_ended(anonymous: World) -> None:
    shell = anonymous.shell()
    anonymous.poll()
    shell / "python a.py"
    began_ns = anonymous.tick()
    anonymous.reads("x")
    anonymous.see(seen.ProcessesPolled(anonymous.tick(), began_ns, frozenset()))
    assert anonymous.attributor.holding > 0
    assert anonymous.drain().of(events.Read) == []
    anonymous.poll()
    assert anonymous.attributor.holding == 0
    assert anonymous.drain().reads() == {("x", "python a.py"): Grade.INFERRED}


def test_nothing_anonymous_is_ever_graded_observed(anonymous: World) -> None:
    job = anonymous.shell() / "python train.py x y"
    job.holds(files=[HeldFile(b"/w/x", reads=True, writes=True)])
    anonymous.writes("x")
    anonymous.reads("x")
    anonymous.moves("x", "y")
    anonymous.removes("y")
    book = anonymous.settle()
    grades = {*book.reads().values(), *book.writes().values()}
    grades |= {grade for event in book.of(events.Moved) for _, grade in event.movers}
    grades |= {grade for event in book.of(events.Removed) for _, grade in event.removers}
    assert grades == {Grade.INFERRED}


def test_who_works_elsewhere_is_no_candidate(anonymous: World) -> None:
    shell = anonymous.shell()
    shell.start("python elsewhere.py", cwd="/home")
    shell / "python here.py"
    anonymous.writes("y")
    assert anonymous.settle().writes() == {("python here.py", "y"): Grade.INFERRED}


def test_who_names_a_path_below_the_workspace_is_a_candidate_wherever_it_works(anonymous: World) -> None:
    anonymous.shell().start("python train.py --data /w/data", cwd="/home")
    anonymous.writes("y")
    assert len(anonymous.settle().writes()) == 1


def test_whose_command_line_names_the_file_did_it(anonymous: World) -> None:
    shell = anonymous.shell()
    shell / "python a.py"
    shell / "wc sub/../data.csv"
    shell / "python b.py --log=/w/log"
    shell / "python -m pkg.train"
    anonymous.reads("data.csv")
    anonymous.writes("log")
    anonymous.reads("pkg/train.py")
    book = anonymous.settle()
    assert book.reads()["data.csv", "wc sub/../data.csv"] is Grade.INFERRED
    assert book.writes() == {("python b.py --log=/w/log", "log"): Grade.INFERRED}
    assert book.reads()["pkg/train.py", "python -m pkg.train"] is Grade.INFERRED


def test_two_that_name_the_file_are_ambiguous(anonymous: World) -> None:
    shell = anonymous.shell()
    shell / "wc data.csv"
    shell / "md5sum data.csv"
    anonymous.reads("data.csv")
    assert set(anonymous.settle().reads().values()) == {Grade.AMBIGUOUS}


def test_who_was_seen_holding_the_file_did_it(anonymous: World) -> None:
    shell = anonymous.shell()
    shell / "python a.py"
    other = shell / "python b.py"
    other.holds(files=[HeldFile(b"/w/out", reads=False, writes=True)])
    anonymous.opens("out", mode="w")
    anonymous.modifies("out")
    anonymous.poll()
    anonymous.closes("out", wrote=True)
    assert anonymous.settle().writes() == {("python b.py", "out"): Grade.INFERRED}


def test_who_holds_a_file_for_reading_is_not_its_writer(anonymous: World) -> None:
    shell = anonymous.shell()
    shell / "python a.py"
    reader = shell / "python b.py"
    reader.holds(files=[HeldFile(b"/w/out", reads=True, writes=False)])
    anonymous.opens("out", mode="w")
    anonymous.modifies("out")
    anonymous.poll()
    anonymous.closes("out", wrote=True)
    assert ("python a.py", "out") in anonymous.settle().writes()


def test_who_provably_slept_is_no_candidate(anonymous: World) -> None:
    shell = anonymous.shell()
    sleeper = shell / "python sleep.py"
    shell / "python work.py"
    anonymous.poll()
    anonymous.tick(100 * MS)
    anonymous.poll(idle=[sleeper])
    anonymous.tick(100 * MS)
    anonymous.writes("y")
    anonymous.poll(idle=[sleeper])
    assert anonymous.drain().writes() == {("python work.py", "y"): Grade.INFERRED}


def test_of_a_process_and_its_ancestors_the_descendant_did_it(anonymous: World) -> None:
    anonymous.shell() / "make" / "sh -c 'cc a.c; true'" / "cc a.c"
    anonymous.writes("a.o")
    assert anonymous.settle().writes() == {("cc a.c", "a.o"): Grade.INFERRED}


def test_two_workers_of_one_step_are_one_candidate(anonymous: World) -> None:
    job = anonymous.shell() / "python train.py"
    job.fork()
    job.fork()
    anonymous.reads("x")
    assert anonymous.settle().reads() == {("x", "python train.py"): Grade.INFERRED}


def test_a_program_comes_before_an_editor_and_an_editor_before_the_shell(anonymous: World) -> None:
    shell = anonymous.shell()
    anonymous.writes("a")
    anonymous.settle()
    editor = shell / "vim b"
    anonymous.writes("b")
    anonymous.settle()
    anonymous.tick(S)
    shell / "python train.py"
    anonymous.writes("c")
    book = anonymous.settle()
    assert set(book.writes()) == {("bash -i", "a"), ("vim b", "b"), ("python train.py", "c")}
    anonymous.writes("b", by=editor)
    assert anonymous.settle().writers("b") == {"vim b"}, "who names it comes first"


def test_who_ended_before_it_happened_did_not_do_it(anonymous: World) -> None:
    shell = anonymous.shell()
    early = shell / "python early.py"
    anonymous.poll()
    early.exit()
    anonymous.tick(S)
    shell / "python late.py"
    anonymous.tick(S)
    anonymous.writes("y")
    assert anonymous.settle().writes() == {("python late.py", "y"): Grade.INFERRED}


def test_who_began_after_it_had_happened_did_not_do_it(anonymous: World) -> None:
    shell = anonymous.shell()
    shell / "python early.py"
    anonymous.writes("y")
    anonymous.tick(100 * MS)
    shell / "python late.py"
    assert anonymous.settle().writes() == {("python early.py", "y"): Grade.INFERRED}


def test_the_recorder_itself_did_nothing(anonymous: World) -> None:
    anonymous.shell().start("python3 -m mlamd start", own=True)
    anonymous.shell() / "python train.py"
    anonymous.writes("y")
    assert set(anonymous.settle().writes()) == {("python train.py", "y")}


def test_what_nobody_can_have_done_is_a_gap(anonymous: World) -> None:
    anonymous.tree("systemd", cwd="/")
    anonymous.reads("x")
    anonymous.writes("y")
    book = anonymous.settle()
    assert book.edges() == set()
    assert {reason for reason, _, _ in book.gaps()} == {"unattributed"}
    assert sorted(scope for _, scope, _ in book.gaps()) == ["x", "y"]
    assert book.version("y").writers == ()


def test_a_process_of_which_nothing_can_be_read_did_nothing_and_leaves_a_gap(anonymous: World) -> None:
    anonymous.tree("systemd", cwd="/") / "python x.py"
    anonymous.nodes[-1].facts = anonymous.nodes[-1].facts.__class__(
        **{
            field: getattr(anonymous.nodes[-1].facts, field)
            for field in anonymous.nodes[-1].facts.__dataclass_fields__
        }
        | {"argv": (), "cwd": "", "executable": ""}
    )
    anonymous.writes("y")
    book = anonymous.settle()
    assert book.steps == []
    assert [reason for reason, _, _ in book.gaps()] == ["unattributed"]


def test_a_run_that_ended_before_it_was_ever_seen_leaves_a_gap_not_a_guess(anonymous: World) -> None:
    shell = anonymous.tree("bash -i", cwd="/")
    anonymous.poll()
    short = shell.start("cp a b", cwd="/w")
    anonymous.reads("a", by=short)
    anonymous.writes("b", by=short)
    short.exit()
    anonymous.tick(S)
    book = anonymous.settle()
    assert book.edges() == set()
    assert {reason for reason, _, _ in book.gaps()} == {"unattributed"}


def test_two_runs_at_the_same_time_are_never_presented_as_certain(anonymous: World) -> None:
    shell = anonymous.shell()
    shell / "python a.py"
    shell / "python b.py"
    for number in range(20):
        anonymous.reads(f"in{number}")
        anonymous.writes(f"out{number}")
        anonymous.poll()
    book = anonymous.settle()
    assert {*book.reads().values(), *book.writes().values()} == {Grade.AMBIGUOUS}


def test_settling_now_judges_what_is_held(anonymous: World) -> None:
    anonymous.shell() / "python train.py"
    anonymous.poll()
    anonymous.writes("y")
    anonymous.attributor.settle_now(anonymous.tick())
    assert anonymous.attributor.holding == 0
    assert set(anonymous.drain().writes()) == {("python train.py", "y")}


def test_finishing_judges_what_is_held(anonymous: World) -> None:
    anonymous.shell() / "python train.py"
    anonymous.poll()
    anonymous.writes("y")
    assert set(anonymous.finish().writes()) == {("python train.py", "y")}
