"""The parser and the replay, on small logs written by hand."""

import pytest

from tests.truth.edges import StepKey, Touch, Truth
from tests.truth.kernel import is_worker, truth_in
from tests.truth.strace import EXIT, Call, descriptor, parse, split_call, unescape


def log(text: str) -> list[str]:
    """Number the lines of a log with clock times; each line is ``PID BODY``."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return [
        f"{line.partition(' ')[0]} 1000.{number:06} {line.partition(' ')[2]}\n"
        for number, line in enumerate(lines)
    ]


def calls(text: str) -> list[Call]:
    return list(parse(log(text)))


def truth(text: str, *files: str) -> Truth:
    return truth_in(log(text), "/w", files, cwd="/w")


def edges(touches: list[Touch], *, required: bool = True) -> set[tuple[int, str]]:
    return {(touch.step.pid, touch.name) for touch in touches if touch.required or not required}


def test_a_call_is_split_at_its_own_commas() -> None:
    name, args, result = split_call(r'openat(AT_FDCWD</w>, "a,(\"b", O_RDONLY|O_CLOEXEC) = 3</w/a,(\"b>')
    assert name == "openat"
    assert args == ("AT_FDCWD</w>", r'"a,(\"b"', "O_RDONLY|O_CLOEXEC")
    assert descriptor(result) == (3, '/w/a,("b')


def test_structures_and_arrays_are_one_argument() -> None:
    _, args, _ = split_call("clone3({flags=CLONE_VM, stack=0x1} => {parent_tid=[9]}, 88) = 9")
    assert args == ("{flags=CLONE_VM, stack=0x1} => {parent_tid=[9]}", "88")
    _, args, _ = split_call('execve("/bin/a", ["a", "b, c"], 0x7ff /* 3 vars */) = 0')
    assert args[1] == '["a", "b, c"]'


@pytest.mark.parametrize("text", ["no call", 'open("a", O_RDONLY', "close(3)", 'write(1, "abc'])
def test_a_line_cut_short_is_no_call(text: str) -> None:
    with pytest.raises(ValueError, match="call"):
        split_call(text)


def test_escapes_are_bytes_and_bytes_are_a_name() -> None:
    assert unescape(r"d\303\244ten \"x\"\n\74\x3e") == 'däten "x"\n<>'
    assert unescape(r"\377") == "\udcff"


@pytest.mark.parametrize("text", ["3</w/a>(deleted)", "3</w/a (deleted)>"])
def test_a_deleted_file_keeps_its_name(text: str) -> None:
    assert descriptor(text) == (3, "/w/a")


def test_halves_of_a_call_are_joined_by_thread() -> None:
    found = calls("""
        7 openat(AT_FDCWD</w>, "a", O_RDONLY <unfinished ...>
        8 openat(AT_FDCWD</w>, "b", O_RDONLY <unfinished ...>
        7 <... openat resumed>) = 3</w/a>
        8 <... openat resumed>) = -1 ENOENT (No such file or directory)
        7 <... read resumed>"", 4) = 0
        8 +++ exited with 0 +++
    """)
    assert [(call.tid, call.name, call.ok) for call in found] == [
        (7, "openat", True),
        (8, "openat", False),
        (8, EXIT, False),
    ]
    assert (found[0].began, found[0].ended) == (0, 2)


def test_signals_and_calls_that_never_end_are_left_out() -> None:
    assert not calls("""
        7 --- SIGCHLD {si_signo=SIGCHLD} ---
        7 exit_group(0 <unfinished ...>
    """)


def test_exec_by_a_thread_goes_on_under_the_leader() -> None:
    found = calls("""
        8 execve("/bin/a", ["a"], 0x1 /* 1 var */ <pid changed to 7 ...>
        7 +++ superseded by execve in pid 8 +++
        7 <... execve resumed>) = 0
    """)
    assert [(call.tid, call.name) for call in found] == [(8, EXIT), (7, "execve")]


def test_traffic_outside_the_workspace_is_left_out() -> None:
    lines = log("""
        7 read(3</usr/lib/x>, "/w/", 4) = 3
        7 read(3</w/x>, "abc", 4) = 3
        7 write(1<pipe:[5]>, "abc", 3) = 3
    """)
    assert [call.arg(0) for call in parse(lines, "/w")] == ["3</w/x>", "1<pipe:[5]>"]


def test_a_write_knows_what_was_read_before_its_seal() -> None:
    found = truth(
        """
        7 execve("/bin/p", ["p"], 0x1) = 0
        7 openat(AT_FDCWD</w>, "a", O_RDONLY) = 3</w/a>
        7 openat(AT_FDCWD</w>, "b", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 4</w/b>
        7 write(4</w/b>, "x", 1) = 1
        7 close(4</w/b>) = 0
        7 openat(AT_FDCWD</w>, "c", O_RDONLY) = 4</w/c>
        7 +++ exited with 0 +++
        """,
        "a",
        "c",
    )
    assert edges(found.reads) == {(7, "a"), (7, "c")}
    assert [touch.name for touch in found.writes] == ["b"]
    assert found.read_before(found.writes[0]) == {"a"}


def test_an_open_for_writing_that_changes_nothing_is_no_edge() -> None:
    found = truth(
        """
        7 openat(AT_FDCWD</w>, "a", O_WRONLY) = 3</w/a>
        7 close(3</w/a>) = 0
        7 openat(AT_FDCWD</w>, "d", O_RDONLY|O_DIRECTORY) = 3</w/d>
        7 openat(AT_FDCWD</w>, "b", O_RDONLY) = -1 ENOENT (No such file)
        7 openat(AT_FDCWD</w>, ".git/index", O_RDONLY) = 4</w/.git/index>
        """,
        "a",
    )
    assert not edges(found.reads)
    assert not found.writes


def test_a_shells_redirection_is_an_edge_of_the_program() -> None:
    found = truth(
        """
        5 execve("/bin/bash", ["bash"], 0x1) = 0
        5 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, child_tidptr=0x1) = 6
        6 openat(AT_FDCWD</w>, "in", O_RDONLY) = 3</w/in>
        6 dup2(3</w/in>, 0</dev/pts/1>) = 0</w/in>
        6 close(3</w/in>) = 0
        6 openat(AT_FDCWD</w>, "out", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</w/out>
        6 dup2(3</w/out>, 1</dev/pts/1>) = 1</w/out>
        6 close(3</w/out>) = 0
        6 execve("/bin/sort", ["sort"], 0x1) = 0
        6 read(0</w/in>, "b a", 100) = 3
        6 write(1</w/out>, "a b", 3) = 3
        6 +++ exited with 0 +++
        """,
        "in",
    )
    assert edges(found.reads, required=False) == {(6, "in")}
    assert edges(found.writes, required=False) == {(6, "out")}
    assert found.read_before(found.writes[0]) == {"in"}


def test_close_on_exec_ends_a_write_before_the_new_program() -> None:
    found = truth("""
        5 openat(AT_FDCWD</w>, "a", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 3</w/a>
        5 clone(child_stack=NULL, flags=SIGCHLD) = 6
        6 execve("/bin/x", ["x"], 0x1) = 0
        5 close(3</w/a>) = 0
    """)
    assert edges(found.writes, required=False) == {(5, "a")}


def test_an_atomic_save_is_a_write_of_the_target() -> None:
    found = truth(
        """
        7 openat(AT_FDCWD</w>, "model.tmp", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3</w/model.tmp>
        7 write(3</w/model.tmp>, "x", 1) = 1
        7 close(3</w/model.tmp>) = 0
        7 rename("model.tmp", "model.pt") = 0
        """,
        "model.pt",
    )
    assert [touch.names for touch in found.writes] == [{"model.pt"}]


def test_a_plain_rename_leaves_both_names_valid() -> None:
    found = truth("""
        7 openat(AT_FDCWD</w>, "d/one", O_WRONLY|O_CREAT, 0600) = 3</w/d/one>
        7 close(3</w/d/one>) = 0
        8 mkdirat(AT_FDCWD</w>, "e", 0777) = 0
        8 renameat2(AT_FDCWD</w>, "d/one", AT_FDCWD</w>, "e/two", RENAME_NOREPLACE) = 0
        8 rename("e", "f") = 0
    """)
    assert [touch.names for touch in found.writes] == [{"d/one", "e/two", "f/two"}]


def test_threads_share_descriptors_and_may_speak_before_their_parent() -> None:
    found = truth(
        """
        7 clone3({flags=CLONE_VM|CLONE_FILES|CLONE_THREAD, stack=0x1}, 88 <unfinished ...>
        8 openat(AT_FDCWD</w>, "a", O_RDONLY) = 3</w/a>
        7 <... clone3 resumed> => {parent_tid=[8]}, 88) = 8
        8 +++ exited with 0 +++
        7 read(3</w/a>, "x", 9) = 1
        """,
        "a",
    )
    assert set(found.steps) == {StepKey(7, 0)}
    assert edges(found.reads) == {(7, "a")}


def test_forked_workers_and_spawned_ones_belong_to_their_parents_step() -> None:
    spawn = r'["python", "-c", "from multiprocessing.spawn import spawn_main; spawn_main()"]'
    found = truth(
        f"""
        7 execve("/bin/python", ["python", "t.py"], 0x1) = 0
        7 fork() = 8
        8 openat(AT_FDCWD</w>, "a", O_RDONLY) = 3</w/a>
        7 vfork( <unfinished ...>
        9 execve("/bin/python", {spawn}, 0x1) = 0
        7 <... vfork resumed>) = 9
        9 openat(AT_FDCWD</w>, "b", O_RDONLY) = 3</w/b>
        """,
        "a",
        "b",
    )
    assert edges(found.reads) == {(7, "a"), (7, "b")}
    assert found.of_pid(9) == found.of_pid(8) == [found.anchor]


def test_workers_are_known_by_their_command_line() -> None:
    assert is_worker(("python", "-s", "-c", "from multiprocessing.resource_tracker import main;main(3)"))
    assert not is_worker(("python", "-c", "import multiprocessing.spawn"))


def test_bytecode_is_its_source() -> None:
    cache = "p/__pycache__/m.cpython-311.pyc"
    found = truth(
        f"""
        7 openat(AT_FDCWD</w>, "p/m.py", O_RDONLY) = 3</w/p/m.py>
        7 openat(AT_FDCWD</w>, "{cache}.77", O_WRONLY|O_CREAT|O_EXCL, 0644) = 4</w/{cache}.77>
        7 write(4</w/{cache}.77>, "x", 1) = 1
        7 rename("{cache}.77", "{cache}") = 0
        8 openat(AT_FDCWD</w>, "{cache}", O_RDONLY) = 3</w/{cache}>
        """,
        "p/m.py",
    )
    assert edges(found.reads) == {(7, "p/m.py"), (8, "p/m.py")}
    assert not found.writes


def test_a_shared_mapping_writes_until_it_is_taken_away() -> None:
    found = truth(
        """
        7 openat(AT_FDCWD</w>, "a", O_RDWR) = 3</w/a>
        7 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3</w/a>, 0) = 0x7f0000
        7 close(3</w/a>) = 0
        7 openat(AT_FDCWD</w>, "b", O_RDONLY) = 3</w/b>
        7 munmap(0x7f0000, 4096) = 0
        7 openat(AT_FDCWD</w>, "c", O_RDONLY) = 3</w/c>
        """,
        "a",
        "b",
        "c",
    )
    assert [found.read_before(touch) for touch in found.writes] == [{"a", "b"}]
    assert found.writes[0].derived


def test_bytes_through_a_pipe_join_two_steps() -> None:
    found = truth("""
        5 execve("/bin/sh", ["sh"], 0x1) = 0
        5 pipe2([3<pipe:[99]>, 4<pipe:[99]>], 0) = 0
        5 fork() = 6
        6 dup2(4<pipe:[99]>, 1</dev/null>) = 1<pipe:[99]>
        6 execve("/bin/cat", ["cat", "a"], 0x1) = 0
        5 fork() = 7
        5 close(3<pipe:[99]>) = 0
        5 close(4<pipe:[99]>) = 0
        7 dup2(3<pipe:[99]>, 0</dev/null>) = 0<pipe:[99]>
        7 execve("/bin/sort", ["sort"], 0x1) = 0
        6 write(1<pipe:[99]>, "x", 1) = 1
        7 read(0<pipe:[99]>, "x", 10) = 1
    """)
    assert [(flow.source.pid, flow.target.pid) for flow in found.flows if flow.required] == [(6, 7)]


def test_a_pid_is_told_apart_by_its_command() -> None:
    found = truth("""
        5 execve("/bin/sh", ["sh"], 0x1) = 0
        5 fork() = 6
        6 execve("/bin/nohup", ["nohup", "x"], 0x1) = 0
        6 execve("/bin/x", ["x"], 0x1) = 0
    """)
    assert found.of_pid(6, ["x"]) == [StepKey(6, 1)]
    assert found.of_pid(6, ["?"]) == [StepKey(6, 0), StepKey(6, 1)]
