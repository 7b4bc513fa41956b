"""Throw-away PostgreSQL clusters on loopback for tests, demo and benchmarks.

    with Cluster() as cluster:
        cluster.start()
        cluster.make_practice()
        cluster.url(cluster.write_passfiles(folder / "store.pass"))

A cluster lives in a temporary folder, runs as a user who is not root, listens
on a free port of 127.0.0.1 and on a Unix socket that only its user and root
reach. Over TCP it wants TLS and passwords (SCRAM); its certificate comes from
an authority of its own (certs/make-dev-ca.sh). Everything that was started is
stopped when the program ends, by process id.
"""
import contextlib
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote, urlencode

from e2e.harness import FIRST_UID, ROLES, TOP, alive, at_end, free_port, wait_until

PRACTICE = "postern"
# The owner's login has no ending; the others belong to the roles that use the store.
ENDINGS = ("", "web", "courier", "keeper")
REPLICATOR = "replicator"
# Small, quick to start and to throw away; nothing here weakens what a commit promises.
SETTINGS = {
    "shared_buffers": "32MB",
    "max_connections": "200",
    "max_wal_size": "256MB",
    "dynamic_shared_memory_type": "mmap",  # in the folder, so that a kill leaves nothing elsewhere
    "autovacuum_naptime": "5s",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %u ",
    "password_encryption": "scram-sha-256",
}
ACCESS = """local all all trust
hostssl all all 127.0.0.1/32 scram-sha-256
hostssl replication replicator 127.0.0.1/32 scram-sha-256
"""
# For unit tests, which test no sign-in: whoever reaches the port is whom they say, but no superuser.
ACCESS_TRUSTING = """local all all trust
host all postgres 127.0.0.1/32 reject
host all all 127.0.0.1/32 trust
"""


def binaries():
    """The folder of the newest server that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"),
                   key=lambda path: int(path.parts[-3]))
    if not found:
        raise FileNotFoundError("no PostgreSQL server below /usr/lib/postgresql")
    return found[-1].parent


def memory_folder():
    """A folder in memory, if there is one with room: syncs cost nothing there."""
    shared = Path("/dev/shm")
    with contextlib.suppress(OSError):
        if os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 1 << 30:
            return shared
    return None


def identity():
    """As whom the server runs: PostgreSQL refuses root, whose servers run as postgres."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def descendants(pid):
    """Process ids of a process's children, children's children and so on."""
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


class Cluster:
    """One server. settings: of postgresql.conf, over SETTINGS.

    within: a folder for the cluster's own, else the system's for temporary files.
    trusting: neither TLS nor passwords, for unit tests.
    """

    def __init__(self, settings=None, within=None, trusting=False, port=None):
        self.settings = {**SETTINGS, **(settings or {})}
        self.trusting = trusting
        self.port = port or free_port()
        # A short path: that of a Unix socket may have 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="postern-pg-", dir=within))
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        self.socket = self.folder / "socket"
        self.certs = self.folder / "certs"
        self.log = self.folder / "server.log"
        self.passwords = {}
        self.process = None
        self.bin = binaries()
        at_end(self.close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- files ----

    def own(self, path, mode):
        who = identity()
        if who:
            os.chown(path, who["user"], who["group"])
        path.chmod(mode)

    def run_as_server(self, program, *args):
        # libpq looks for certificates in the home folder, and may not look into root's.
        done = subprocess.run([self.bin / program, *map(str, args)], check=False, cwd=self.folder,
                              capture_output=True, text=True, **identity(),
                              env={**os.environ, "HOME": str(self.folder)})
        if done.returncode != 0:
            raise RuntimeError(f"{program} ended with {done.returncode}: {done.stderr}")

    def lay_out(self):
        for folder in (self.data, self.socket):
            folder.mkdir()
            self.own(folder, 0o700)

    def make(self):
        """An empty cluster with its own certificate."""
        self.lay_out()
        self.run_as_server("initdb", "-D", self.data, "-U", "postgres", "-A", "trust",
                           "-E", "UTF8", "--no-locale", "--no-sync", "--wal-segsize=1")
        (self.data / "pg_hba.conf").write_text(ACCESS_TRUSTING if self.trusting else ACCESS)
        if not self.trusting:
            self.make_certificates()

    def make_certificates(self):
        subprocess.run([TOP / "certs" / "make-dev-ca.sh", self.certs], check=True,
                       capture_output=True)
        self.own(self.certs / "server.key", 0o600)

    # ---- running ----

    def options(self):
        chosen = {**self.settings, "listen_addresses": "127.0.0.1", "port": self.port,
                  "unix_socket_directories": self.socket}
        if not self.trusting:
            chosen.update({"ssl": "on", "ssl_cert_file": self.certs / "server.crt",
                           "ssl_key_file": self.certs / "server.key"})
        for name, value in chosen.items():
            yield from ("-c", f"{name}={value}")

    def start(self):
        if not self.data.exists():
            self.make()
        self.launch()
        wait_until(self.ready, "PostgreSQL to be ready")
        return self

    def launch(self):
        """Without waiting until it is ready."""
        pid_file = self.data / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError):
            pid_file.unlink()  # of a server that was killed: whose process is gone, see kill()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.data, *self.options()], cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "HOME": str(self.folder)}, **identity())

    def ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended with {self.process.returncode}:\n" +
                               self.log.read_text()[-3000:])
        with contextlib.suppress(OSError, IndexError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            # The eighth line is its state, as pg_ctl reads it.
            return lines[7].strip() in ("ready", "standby")
        return False

    def stop(self, how=signal.SIGINT):
        """SIGINT: connections are ended and what is open rolled back; SIGQUIT: as after a crash."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self):
        """All of it at once, as when its machine loses power (the disk keeps what was synced)."""
        if self.process is None:
            return
        shared = self.shared_memory()
        pids = [self.process.pid, *descendants(self.process.pid)]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        wait_until(lambda: not any(alive(pid) for pid in pids), "PostgreSQL's processes to be gone")
        self.process = None
        for segment in shared:
            subprocess.run(["ipcrm", "-m", segment], capture_output=True, check=False)

    def shared_memory(self):
        """Ids of the System V segment by which a server finds another on the same data."""
        with contextlib.suppress(OSError, IndexError):
            return (self.data / "postmaster.pid").read_text().splitlines()[6].split()[1:]
        return []

    def restart(self, how=signal.SIGINT):
        self.stop(how)
        self.start()

    def close(self):
        """Nothing of it is left, whatever became of the test."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what is in it ----

    def psql(self, *args, database="postgres", user="postgres", text=None):
        """psql over the Unix socket; answers what it printed."""
        done = subprocess.run(
            [self.bin / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.socket, "-p",
             str(self.port), "-U", user, "-d", database, *map(str, args)],
            input=text, capture_output=True, text=True, check=False, cwd=self.folder,
            env={**os.environ, "PGCONNECT_TIMEOUT": "10"})
        if done.returncode != 0:
            raise RuntimeError(f"psql ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def sql(self, text, database="postgres", user="postgres"):
        """Rows of one statement, each a list of texts."""
        lines = self.psql("-F", "\x1f", text=text, database=database, user=user)
        return [line.split("\x1f") for line in lines.splitlines()]

    def make_practice(self, practice=PRACTICE):
        """Database and logins as packaging/postgresql.sql makes them, with new passwords."""
        self.psql("-v", f"practice={practice}", "-f", TOP / "packaging" / "postgresql.sql")
        for ending in ENDINGS:
            login = f"{practice}_{ending}" if ending else practice
            self.passwords[login] = secrets.token_urlsafe(24)
            self.sql(f"ALTER ROLE \"{login}\" PASSWORD '{self.passwords[login]}'")

    def write_passfiles(self, path, practice=PRACTICE):
        """libpq password files, one for each login, readable by the role's user alone."""
        path = Path(path)
        for ending in ENDINGS:
            login = f"{practice}_{ending}" if ending else practice
            file = Path(f"{path}.{ending}") if ending else path
            file.write_text(f"*:*:*:{login}:{self.passwords[login]}\n")
            file.chmod(0o600)
            if os.geteuid() == 0 and ending:
                os.chown(file, FIRST_UID + ROLES.index(ending), -1)
        return path

    def url(self, passfile=None, practice=PRACTICE, hosts=None, **more):
        """The store's url. hosts: ports in the order to try, for several servers."""
        places = ",".join(f"127.0.0.1:{port}" for port in hosts or [self.port])
        options = {} if self.trusting else {
            "sslmode": "verify-full", "sslrootcert": str(self.certs / "ca.crt"),
            "passfile": str(passfile)}
        options.update(more)
        return (f"postgresql://{practice}@{places}/{practice}"
                + (f"?{urlencode(options, quote_via=quote, safe='/')}" if options else ""))

    # ---- replication ----

    def allow_replicas(self):
        self.passwords[REPLICATOR] = secrets.token_urlsafe(24)
        self.sql(f"CREATE ROLE {REPLICATOR} LOGIN REPLICATION "
                 f"PASSWORD '{self.passwords[REPLICATOR]}'")

    def replica(self, name="replica"):
        """A standby that streams from here, started. Data, logins and authority are the same."""
        made = Cluster(self.settings, within=self.folder.parent)
        made.passwords, made.certs = self.passwords, self.certs
        made.lay_out()
        passfile = made.folder / "replication.pass"
        passfile.write_text(f"*:*:*:{REPLICATOR}:{self.passwords[REPLICATOR]}\n")
        made.own(passfile, 0o600)
        source = (f"host=127.0.0.1 port={self.port} user={REPLICATOR} passfile={passfile} "
                  f"sslmode=verify-full sslrootcert={self.certs}/ca.crt application_name={name}")
        made.run_as_server("pg_basebackup", "-D", made.data, "-d", source, "-R", "-X", "stream",
                           "--checkpoint=fast", "--no-sync")
        made.start()
        return made

    def demand_replica(self, name="replica"):
        """From here on nothing is committed that the replica does not have on its disk."""
        self.sql(f"ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 ({name})'")
        self.sql("SELECT pg_reload_conf()")
        wait_until(lambda: self.sql("SELECT 1 FROM pg_stat_replication "
                                    "WHERE sync_state IN ('sync', 'quorum')"),
                   "the replica to be synchronous")

    def promote(self):
        promoted = self.sql("SELECT pg_promote(true, 60)")
        if promoted != [["t"]]:
            raise RuntimeError(f"not promoted: {self.log.read_text()[-3000:]}")

    # ---- what the log says ----

    def complaints(self):
        """Lines of the server's log that tell of a bug: assertions, crashes, corruption."""
        bad = re.compile(r"PANIC|TRAP|terminated by signal (?!9)|invalid page|could not read block")
        return [line for line in self.log.read_text(errors="replace").splitlines()
                if bad.search(line)]
