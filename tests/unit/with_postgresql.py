"""Runs a unit test's program with a PostgreSQL server of its own.

    with_postgresql.py PROGRAM [ARGUMENT...]

The program finds the server in POSTERN_TEST_POSTGRESQL (store_fixture.h). The
cluster is small and, where there is room, in memory; gone afterwards.
"""
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from e2e.harness import at_end  # noqa: E402  (after the path is set)
from e2e.postgres import PRACTICE, Cluster, descendants, memory_folder  # noqa: E402


def end(program):
    """With the cases it forked, each of which is a process group of its own.

    Not waited for: this may run in a signal's handler, in the middle of the wait.
    """
    for pid in [program.pid, *descendants(program.pid)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def main():
    # When each transaction committed: test_withdrawal judges their order by it.
    settings = {"track_commit_timestamp": "on"}
    with Cluster(settings, trusting=True, within=memory_folder()) as cluster:
        cluster.start()
        cluster.make_practice()
        cluster.sql(f"ALTER ROLE {PRACTICE} CREATEDB")
        server = f"postgresql://{PRACTICE}@127.0.0.1:{cluster.port}"
        program = subprocess.Popen(sys.argv[1:],
                                   env={**os.environ, "POSTERN_TEST_POSTGRESQL": server})
        at_end(lambda: end(program))
        status = program.wait()
        complaints = cluster.complaints()
    for line in complaints:
        print(line, file=sys.stderr)
    sys.exit(status if status else bool(complaints))


if __name__ == "__main__":
    main()
