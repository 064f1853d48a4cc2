"""Worker processes and the pipes to them: each gets one chunk at a time, so that memory is bounded by their number."""

from __future__ import annotations

import multiprocessing
from multiprocessing import connection
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from verifier.projector.errors import WorkerError
from verifier.projector.worker import Done, Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from types import TracebackType

    from verifier.projector.worker import Ready

_END_SECONDS = 5.0
_SpecT = TypeVar("_SpecT")
_TaskT = TypeVar("_TaskT")


class Pool(Generic[_SpecT, _TaskT]):
    """A fixed number of workers, started with the first task.

    Args:
        work: what a worker runs, with its end of the pipe and the spec; see `worker.attend`.
        spec: what it needs to begin.
        workers: how many.
    """

    def __init__(self, work: Callable[[Connection, _SpecT], None], spec: _SpecT, *, workers: int) -> None:
        self._work = work
        self._spec = spec
        self._workers = workers
        self._processes: list[SpawnProcess] = []
        self._pipes: list[Connection] = []
        self._spent: dict[int, Done | Ready] = {}

    def results(self, tasks: Iterator[_TaskT]) -> Iterator[Done]:
        """Hand out tasks and yield what comes back, in the order in which it does.

        Raises:
            WorkerError: a worker failed or died.
        """
        waiting = next(tasks, None)
        if waiting is not None:
            self._start()
        busy = set(self._pipes)  # each says first that it is ready
        while busy:
            for ready in connection.wait(list(busy)):
                pipe = self._pipes[self._pipes.index(ready)]  # type: ignore[arg-type]  # what was put in comes out
                done = self._receive(pipe)
                if waiting is None:
                    busy.discard(pipe)
                else:
                    pipe.send(waiting)
                    waiting = next(tasks, None)
                if done is not None:
                    yield done

    @property
    def cpu_seconds(self) -> float:
        """Processor time of all workers so far."""
        return sum(done.cpu_seconds for done in self._spent.values())

    @property
    def peak_memory(self) -> int:
        """Largest resident memory of all workers together, bytes, as if all peaked at once."""
        return sum(done.peak_memory for done in self._spent.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(_END_SECONDS if error is None else 0)
            if process.is_alive():
                process.terminate()
                process.join()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        for number in range(self._workers):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=self._work, args=(theirs, self._spec), name=f"projector-{number}", daemon=True
            )
            process.start()
            theirs.close()
            self._processes.append(process)
            self._pipes.append(ours)

    def _receive(self, pipe: Connection) -> Done | None:
        try:
            message = pipe.recv()
        except (EOFError, OSError) as error:
            raise WorkerError(
                "a worker process died; the finished runs are kept, run the same command again"
            ) from error
        if isinstance(message, Failed):
            raise WorkerError(f"a worker failed: {message.where}")
        self._spent[id(pipe)] = message
        return message if isinstance(message, Done) else None
