"""What a program is, judged by its name and command line: where runs begin, and of what kind they are."""

import os.path
from enum import Enum

from mlamd.model.processes import ProcessFacts


class Role(Enum):
    """The part that a process plays."""

    JOB = "job"
    """A program that may be (part of) an experiment."""
    SHELL = "shell"
    """An interactive shell: its children are runs, and so are its jobs."""
    ANCHOR = "anchor"
    """Login, terminal, scheduler, service manager, container init: its children are runs."""
    NOTEBOOK = "notebook"
    """A notebook kernel: a run of its own."""
    EDITOR = "edit"
    """An editor, IDE or file manager: an anchor whose own writes are edits."""
    VCS = "vcs"
    """A version control program."""
    MLAMD = "mlamd"
    """A command of mlamd that writes files (the demo): an anchor whose own writes are edits."""
    RECORDER = "recorder"
    """The recorder itself, or a question to it, which touches no file of the record: an anchor."""

    @property
    def anchors(self) -> bool:
        """True if the children of such a process are roots of runs."""
        # Asked of every process on every way up; a set would have to hash its five members each time.
        return self is not Role.JOB and self is not Role.NOTEBOOK and self is not Role.VCS


SHELLS = frozenset({"bash", "sh", "zsh", "fish", "dash", "ksh", "mksh", "tcsh", "csh", "ash", "nu", "xonsh"})
_SHELL_OPTIONS_WITH_VALUE = frozenset({"--rcfile", "--init-file", "--init-command", "-O", "+O", "-o", "+o"})

ANCHORS = frozenset(
    {"login", "sshd", "sshd-session", "su", "tmux", "tmux: server", "screen", "SCREEN", "zellij", "dtach"}
    | {
        "cron",
        "crond",
        "anacron",
        "atd",
        "systemd",
        "init",
        "runit",
        "runsvdir",
        "s6-supervise",
        "supervisord",
    }
    | {"tini", "dumb-init", "docker-init", "catatonit", "containerd-shim", "conmon", "dockerd", "kubelet"}
    | {"gnome-terminal-", "gnome-terminal-server", "konsole", "xterm", "alacritty", "kitty", "wezterm-gui"}
    | {"foot", "xfce4-terminal", "terminator", "ptyxis-agent", "gnome-shell", "plasmashell", "launchd"}
    | {"slurmstepd", "slurmd", "pbs_mom", "sge_shepherd", "condor_starter", "lsf_sbatchd", "raylet"}
    | {"gitlab-runner", "Runner.Worker", "buildkite-agent", "jenkins-agent", "launchctl", "explorer.exe"}
)
_SERVER_WORDS = ("jupyter-lab", "jupyter-notebook", "jupyter-server", "jupyterhub", "airflow", "celery")
_SERVER_MODULES = ("jupyterlab", "notebook", "jupyter_server", *_SERVER_WORDS)
EDITORS = frozenset(
    {"vi", "vim", "nvim", "view", "vimdiff", "emacs", "emacsclient", "nano", "pico", "micro", "hx", "helix"}
    | {
        "kak",
        "joe",
        "ed",
        "ne",
        "gedit",
        "gnome-text-editor",
        "kate",
        "kwrite",
        "mousepad",
        "subl",
        "sublime_text",
    }
    | {"code", "code-insiders", "code-server", "codium", "cursor", "windsurf", "zed", "zed-editor", "pycharm"}
    | {"idea", "clion", "spyder", "rstudio", "rsession", "positron", "nautilus", "dolphin", "thunar", "nemo"}
    | {"mc", "ranger", "nnn", "lf", "yazi", "vifm", "libreoffice", "soffice.bin"}
)
_EDITOR_WORDS = (".vscode-server", ".cursor-server", "com.intellij.idea.Main", "vscode-remote")
VCS = frozenset(
    {"git", "hg", "svn", "jj", "git-lfs", "git-remote-http", "git-remote-https", "lazygit", "tig", "gitui"}
)
_KERNELS = ("ipykernel_launcher", "ipykernel", "xpython", "IRkernel", "ijulia", "-m xeus")


def program(facts: ProcessFacts) -> str:
    """Return the base name of the program, without a login shell's dash."""
    first = facts.argv[0] if facts.argv else facts.name
    return os.path.basename(first).lstrip("-") or facts.name


def _interactive(facts: ProcessFacts) -> bool:
    """Say whether a shell has a terminal and no script argument."""
    if not facts.terminal:
        return False
    words = iter(facts.argv[1:])
    for word in words:
        if word in _SHELL_OPTIONS_WITH_VALUE:
            next(words, None)
        elif word.startswith(("-", "+")):
            if not word.startswith(("--", "+")) and "c" in word:
                return False
        else:
            return False
    return True


def role_of(facts: ProcessFacts) -> Role:
    """Judge one program image."""
    if facts.own:
        return Role.RECORDER
    if not (facts.argv or facts.cwd or facts.executable):
        return Role.ANCHOR  # another user's, of which we are told no more than that it is there
    name = program(facts)
    if _is_mlamd(facts.argv):
        writes = not _WRITING.isdisjoint(facts.argv[1:8])
        return Role.MLAMD if writes else Role.RECORDER
    if name in SHELLS:
        return Role.SHELL if _interactive(facts) else Role.JOB
    if facts.key.pid == 1 or name in ANCHORS or facts.name in ANCHORS:
        return Role.ANCHOR
    if name in VCS:
        return Role.VCS
    return Role.EDITOR if name in EDITORS else _role_by_words(facts)


def _role_by_words(facts: ProcessFacts) -> Role:
    """Judge a program whose name alone does not tell, like an interpreter."""
    head = facts.argv[:4]
    if any(mark in word for word in head for mark in _KERNELS):
        return Role.NOTEBOOK
    if any(mark in word for word in head for mark in _EDITOR_WORDS):
        return Role.EDITOR
    server = any(os.path.basename(word) in _SERVER_WORDS for word in head)
    if server or _target(facts) in _SERVER_MODULES or _is_daemon(facts):
        return Role.ANCHOR
    return Role.JOB


_WRITING = frozenset({"demo"})
"""The commands of mlamd that write into a workspace; all others only ask."""


def _is_mlamd(argv: tuple[str, ...]) -> bool:
    names = [os.path.basename(word) for word in argv[:3]]
    if not names or "python" not in names[0]:
        return names[:1] == ["mlamd"]
    return names[1:2] == ["mlamd"] or ("-m" in argv[:5] and "mlamd" in argv[1:6])


def _target(facts: ProcessFacts) -> str:
    """Return the module or the base name of the script that Python runs, "" for any other program."""
    if "python" not in program(facts):
        return ""
    words = iter(facts.argv[1:])
    for word in words:
        if word in {"-m", "-X", "-W"}:
            value = next(words, "")
            if word == "-m":
                return value
        elif not word.startswith("-"):
            return os.path.basename(word)
        elif word == "-c":
            break
    return ""


def _is_daemon(facts: ProcessFacts) -> bool:
    """Say whether a process is set up as daemons are (daemon(7)): own session, no terminal, in ``/``."""
    return facts.session == facts.key.pid and not facts.terminal and facts.cwd == "/"


KIND_OF_RUN = {
    Role.JOB: "job",
    Role.NOTEBOOK: "notebook",
    Role.EDITOR: "edit",
    Role.SHELL: "edit",
    Role.VCS: "vcs",
    Role.ANCHOR: "service",
    Role.MLAMD: "edit",
    Role.RECORDER: "service",
}
"""The kind of a run by the role of its root."""

_WORKER_MARKS = (
    "multiprocessing.spawn",
    "multiprocessing.forkserver",
    "multiprocessing.resource_tracker",
    "multiprocessing.semaphore_tracker",
    "loky.backend",
)
_LAUNCHERS = frozenset(
    {
        "torchrun",
        "torch.distributed.run",
        "torch.distributed.launch",
        "accelerate",
        "accelerate.commands.launch",
    }
    | {"deepspeed", "deepspeed.launcher.launch"}
)


def is_worker(child: ProcessFacts, parent: ProcessFacts) -> bool:
    """Say whether a program that was started by exec is plainly its parent's own worker."""
    if "python" not in program(child):
        return False
    if any(mark in word for word in child.argv[1:6] for mark in _WORKER_MARKS):
        return True
    return program(parent) in _LAUNCHERS or _target(parent) in _LAUNCHERS


def is_fork(child: ProcessFacts, parent: ProcessFacts) -> bool:
    """Say whether a process still runs the image that it was forked from."""
    return child.argv == parent.argv and child.executable == parent.executable
