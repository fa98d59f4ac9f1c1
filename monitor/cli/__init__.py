"""The commands: each handler parses, calls one function and prints; this is the way in and the exit codes."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from monitor.errors import MonitorError

EX_USAGE = 2
"""A command line that makes no sense is bad input."""

EX_INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""

EX_BROKEN_PIPE = 141
"""128 + SIGPIPE: whoever read our output stopped reading."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: without the program's name; those of the process by default.

    Returns:
        The exit code: 0 done, 1 the thing checked for is not so, 2 bad input, 78 bad configuration under `run`.
        A bug keeps its traceback.
    """
    # No plugin is wanted in the configuration, and looking for one reads the metadata of every installed package.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # Threads that spin while they wait for each other make torch many times slower as soon as anything else runs on the
    # PC (measured on two cores under load: 100 ms a training step instead of 1180 ms). Read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _write_anything()
    try:
        code = _invoke(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        return _broken_pipe()
    except KeyboardInterrupt:
        return EX_INTERRUPTED
    except MonitorError as error:
        report(error)
        return error.exit_code
    except PermissionError as error:  # the service's folders are not everyone's: no bug, wherever it shows
        if error.filename is None:
            raise
        report(MonitorError(f"{error.filename}: {error.strerror}; run this with sudo, or as a user who may"))
        return MonitorError.exit_code
    return code


def _write_anything() -> None:
    """What the terminal's encoding has no letter for is written as its number, as on stderr: no name ends a command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _invoke(arguments: list[str]) -> int:
    import typer

    from monitor.cli.app import command

    # Click's own class, wherever this version of typer keeps its click: the parent of what typer gives out.
    usage_error: Any = typer.BadParameter.__mro__[1]
    try:
        result = command().main(arguments, prog_name="monitor", standalone_mode=False)
    except typer.Abort:  # what click makes of Ctrl-C
        return EX_INTERRUPTED
    except usage_error as error:
        error.show()
        return EX_USAGE
    return result if isinstance(result, int) else 0


def report(error: MonitorError) -> None:
    """Write the error's lines to stderr, as the user reads them."""
    sys.stdout.flush()
    for line in str(error).splitlines() or [type(error).__name__]:
        sys.stderr.write(f"monitor: error: {line}\n")
    sys.stderr.flush()


def _broken_pipe() -> int:
    """Say nothing, and keep Python from saying it when it flushes at exit."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EX_BROKEN_PIPE
