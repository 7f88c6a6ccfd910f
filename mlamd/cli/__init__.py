"""The command line: one module a command, imported when it is called."""

import os
import sys
from contextlib import suppress
from importlib import import_module

import click

from mlamd import __version__
from mlamd.errors import MlamdError

COMMANDS = {
    "init": "Make a directory a workspace.",
    "start": "Begin to record, in the background.",
    "stop": "Store everything seen so far and stop recording.",
    "status": "Say whether and how the workspace is recorded.",
    "doctor": "Look for what keeps the record from being complete.",
    "runs": "List the runs, newest first.",
    "show": "Show all about one run, or one file.",
    "log": "Show what happened to a file, or in the whole workspace.",
    "lineage": "Show what a file or run came from, or what came from it.",
    "why": "Say in a few lines what made a file.",
    "uses": "Say what depends on a file.",
    "diff": "Compare two runs.",
    "params": "Show the parameters of a run, and what set them.",
    "metrics": "Show the metrics of a run.",
    "resources": "Show what a run used: processor, memory, storage.",
    "verify": "Check the store; rebuild its tables.",
    "sensor": "Serve exact capture to the users of this machine (system service).",
    "demo": "Record a small real project, and show what is known of it.",
}

_HIDDEN = frozenset({"mounted", "recogniser"})
"""What only the program itself calls."""


class _Lazy(click.Group):
    """Knows all commands by name and help, and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        del ctx
        if name not in COMMANDS and name not in _HIDDEN:
            return None
        command: click.Command = import_module(f"mlamd.cli.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in {*COMMANDS, *_HIDDEN} and not args[0].startswith("-"):
            raise click.UsageError(f"no such command {args[0]!r}; `mlamd --help` lists them", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C", "directory", default=".", metavar="DIR", help="Work in DIR instead of the current directory."
)
@click.version_option(__version__, prog_name="mlamd")
@click.pass_context
def mlamd(context: click.Context, directory: str) -> None:
    """Record which run read and wrote which version of which file, and answer what made it."""
    context.obj = directory


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; expected failures are one line and an exit code, anything else is a bug."""
    try:
        mlamd.main(args=arguments, prog_name="mlamd")
    except MlamdError as error:
        from mlamd.cli.text import one_line  # noqa: PLC0415  (only where something is wrong)

        with suppress(OSError):
            click.echo(f"mlamd: {one_line(str(error))}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
