"""Tasks shared out to the processes of an executor, each of which may die once."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import nullcontext
from typing import Any

from backprop.core.errors import said


def width(executor: Executor) -> int:
    """How many tasks an executor works on at once; as many as there are cores if it hides that."""
    for name in ("_max_workers", "num_workers"):
        found = getattr(executor, name, None)
        if isinstance(found, int) and found > 0:
            return found
    client: Any = getattr(executor, "_client", None)  # of Dask
    threads = client.nthreads() if hasattr(client, "nthreads") else {}
    return sum(threads.values()) or os.cpu_count() or 1


def run_tasks(
    executor: Executor, function: Callable[..., Any], tasks: Sequence[tuple[Any, ...]]
) -> list[Any]:
    """``function(*task)`` for each task, in their order.

    Where a process dies, the tasks that are lost with it are tried once more. A broken
    ``ProcessPoolExecutor`` takes no more tasks: they go to a new one that is made like it.

    Raises:
        BrokenExecutor: The process of a task has died twice.
    """
    share = max(1, (os.cpu_count() or 1) // width(executor)), os.getpid()
    results: dict[int, Any] = {}
    submit(executor, function, tasks, range(len(tasks)), share, results)
    lost = [k for k in range(len(tasks)) if k not in results]
    if lost:
        with renewed(executor) as another:
            submit(another, function, tasks, lost, share, results)
    missing = [k for k in lost if k not in results]
    if missing:
        raise BrokenExecutor(
            f"the process of a task died, and did so again when {len(lost)} of the {len(tasks)} "
            f"tasks were tried once more: does it run out of memory? Is the program's own code "
            f"below `if __name__ == '__main__':`?"
        )
    return [results[k] for k in range(len(tasks))]


def submit(
    executor: Executor,
    function: Callable[..., Any],
    tasks: Sequence[tuple[Any, ...]],
    chosen: Sequence[int],
    share: tuple[int, int],
    results: dict[int, Any],
) -> None:
    """Runs the chosen tasks, and notes the results of those whose process lived."""
    futures: dict[int, Future[Any]] = {}
    try:
        for k in chosen:
            futures[k] = executor.submit(within, share, function, tasks[k])
    except BrokenExecutor:
        pass  # a process has died already: the rest of the tasks is lost, too
    try:
        for k, future in futures.items():
            try:
                results[k] = future.result()
            except BrokenExecutor:
                continue
            except Exception as error:
                check_sendable(tasks[k], error)
                raise
    except BaseException:
        for future in futures.values():
            future.cancel()
        raise


def check_executor(executor: Any) -> Any:
    """The executor, to which tasks can be handed; None for none.

    Raises:
        TypeError: It is something else.
    """
    if executor is not None and (isinstance(executor, type) or not hasattr(executor, "submit")):
        raise TypeError(
            f"executor must be an executor of concurrent.futures, such as ProcessPoolExecutor(2), "
            f"or one that is like them, but it is {said(executor)}."
        )
    return executor


def check_sendable(task: tuple[Any, ...], error: Exception) -> None:
    """Checks whether a task has failed because it could not be sent to another process.

    Raises:
        TypeError: That is so.
    """
    if "pickle" not in str(error) and not isinstance(error, pickle.PicklingError):
        return
    try:
        pickle.dumps(task)
    except Exception as why:
        raise TypeError(
            f"a model or an argument of fit cannot be sent to another process ({why}): define its "
            f"classes and functions at the top of a module, none inside a function or by lambda, "
            f"or use a ThreadPoolExecutor."
        ) from error


def within(share: tuple[int, int], function: Callable[..., Any], task: tuple[Any, ...]) -> Any:
    """A task in another process, which uses its share of the cores.

    Args:
        share: How many threads a process may use, and the process that has shared the tasks out,
            where nothing is limited.
        function: What to call.
        task: Its arguments.
    """
    threads, parent = share
    if os.getpid() == parent:
        return function(*task)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(threads, user_api="blas"):
        return function(*task)


def renewed(executor: Executor) -> Any:
    """A context with an executor like this one; itself, if it replaces processes that die."""
    if type(executor) is not ProcessPoolExecutor:
        return nullcontext(executor)
    made: Any = executor
    return ProcessPoolExecutor(
        made._max_workers, made._mp_context, made._initializer, made._initargs
    )
