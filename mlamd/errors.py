"""Every failure that a user can meet: one class, one line, one exit code.

The docstring of a class is what the documentation says of it. An exception that is not a
``MlamdError`` is a bug and shows a traceback. Exit codes 0, 1 and 2 keep their usual meaning (fine,
a question answered with no, wrong usage).
"""

from typing import ClassVar


class MlamdError(Exception):
    """Something that mlamd expected might go wrong."""

    exit_code: ClassVar[int] = 10


class NotAWorkspaceError(MlamdError):
    """No ``.mlamd`` stands in this directory or above it; or what ``init`` was given is no directory."""

    exit_code = 11


class AlreadyRecordedError(MlamdError):
    """A recorder runs for this workspace already."""

    exit_code = 12


class NotRunningError(MlamdError):
    """No recorder runs for this workspace."""

    exit_code = 13


class NotAnsweringError(MlamdError):
    """A recorder runs, but does not answer."""

    exit_code = 14


class StartError(MlamdError):
    """The recorder ended before it was ready."""

    exit_code = 15


class UnknownNameError(MlamdError):
    """Nothing recorded has this name."""

    exit_code = 20


class AmbiguousNameError(MlamdError):
    """More than one thing recorded has this name."""

    exit_code = 21


class StoreDamagedError(MlamdError):
    """A file of the store was cut off, overwritten or removed."""

    exit_code = 30


class StoreTooNewError(MlamdError):
    """The store was written by a newer mlamd."""

    exit_code = 31


class StoreFullError(MlamdError):
    """The disk of the store is full."""

    exit_code = 32


class StoreLocationError(MlamdError):
    """The store cannot live where it was asked to: a network file system, or nowhere to write."""

    exit_code = 33


class VerifyError(MlamdError):
    """The check of the store found a fault."""

    exit_code = 34


class WatchLimitError(MlamdError):
    """The kernel allows no further inotify watches or instances."""

    exit_code = 40


class WorkspaceGoneError(MlamdError):
    """The workspace was removed, renamed or unmounted."""

    exit_code = 41


class AccessError(MlamdError):
    """The operating system refused access to a file or directory that is needed."""

    exit_code = 42


class SensorError(MlamdError):
    """A sensor failed while recording; what it would have seen is a gap."""

    exit_code = 43


class MountBusyError(MlamdError):
    """The workspace is mounted, and processes are in it; they are named."""

    exit_code = 44


class SettingsError(MlamdError):
    """The settings file has an unknown key or a value of the wrong type."""

    exit_code = 50


class UnavailableError(MlamdError):
    """This machine, user or installation lacks what was asked for by name."""

    exit_code = 51


class DemoError(MlamdError):
    """What the demo recorded is not what it ran, or its directory is not empty."""

    exit_code = 60


def expected_in(error: BaseException) -> MlamdError | None:
    """Return the expected failure that an exception is, or that is in its group."""
    if isinstance(error, MlamdError):
        return error
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            found = expected_in(inner)
            if found is not None:
                return found
    return None
