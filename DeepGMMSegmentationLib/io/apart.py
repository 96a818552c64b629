"""Reading in a process of its own, so that a reader that crashes ends no more than that."""

from __future__ import annotations

import multiprocessing
import signal
from multiprocessing.connection import Connection
from typing import Any, Callable, TypeVar

from ..errors import InvalidInput

Value = TypeVar("Value")


def call_apart(function: Callable[..., Value], *arguments: Any) -> Value:
    """Call a function in a new process; it, its arguments and what it returns must be picklable.

    Raises
    ------
    InvalidInput
        If the process dies, as ITK lets it on some broken files.
    Exception
        What the function raises.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, function, arguments), daemon=True)
    process.start()
    sender.close()
    try:
        done, value = receiver.recv()
    except EOFError as error:
        process.join()
        raise InvalidInput(
            f"The reader of the files crashed ({_reason(process.exitcode or 0)}); one of them is "
            "broken."
        ) from error
    finally:
        process.kill()
        process.join()
    if done:
        return value
    raise value


def _send(sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever called ends this process
    try:
        sender.send((True, function(*arguments)))
    except Exception as error:
        sender.send((False, error))


def _reason(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
