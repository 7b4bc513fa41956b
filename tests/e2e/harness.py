"""A gateway on loopback for the demo, the end-to-end tests and the benchmarks.

Gateway lays out a folder (certificates, configuration, data), starts
`posternd run` on a free port, waits until it serves, kills roles, stops it by
process id. Client is one signed-in profile of the real `postern`.
"""
import atexit
import contextlib
import copy
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from http.client import HTTPSConnection
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
ORIGIN = "messages.clinic.example"
# A role restarts with back-off; under sanitizers everything takes its time.
READY_S = 60
# Users of the roles when run as root: numbers that no account needs to have.
FIRST_UID = 64200
ROLES = ("door", "web", "mail", "courier", "keeper")


def ephemeral_ports():
    """The range from which the kernel takes ports for outgoing connections."""
    low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    return range(int(low), int(high) + 1)


def free_port():
    """One that is free now and that no outgoing connection will be given later.

    A client that keeps trying while nothing listens would else be given the
    very port it tries, be connected to itself, and hold it.
    """
    outgoing = ephemeral_ports()
    while True:
        port = random.randrange(10000, 60000)
        with socket.socket() as probe:
            if port not in outgoing and probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def reachable(folder):
    """Can users other than ours come to this folder? Roles must, when root starts them."""
    return os.geteuid() != 0 or all(at.stat().st_mode & 0o001 for at in Path(folder).parents)


def wait_until(condition, what, seconds=READY_S):
    """Waits for the condition, not for luck; answers what it answered."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.02)


_endings = []


def at_end(act):
    """Has act done when this program ends, also when SIGTERM ends it.

    meson ends a test that takes too long by SIGTERM, upon which Python would
    leave at once and everything started would go on running.
    """
    if not _endings:
        atexit.register(_end_all)
        if (signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
                and threading.current_thread() is threading.main_thread()):
            signal.signal(signal.SIGTERM, _terminated)
    _endings.append(act)


def _end_all():
    while _endings:
        with contextlib.suppress(Exception):  # the next one is to be ended all the same
            _endings.pop()()


def _terminated(number, _):
    _end_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def alive(pid):
    """Does this process run? One that only its parent has yet to bury does not."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def build_folder():
    """The folder of the programs under test: $POSTERN_BUILD, else ./dev build's."""
    return Path(os.environ.get("POSTERN_BUILD", TOP / "build"))


class Gateway:
    """Programs are looked for where meson puts them, and in the folder itself.

    extra: groups for the configuration; https: settings for its https group;
    store: its url, else a SQLite file in the data folder.
    """

    def __init__(self, folder, port=None, extra="", build=None, https="", store=None):
        self.build = Path(build or build_folder())
        self.folder = Path(folder)
        self.port = port or free_port()
        self.extra = extra
        self.https = https
        self.process = None
        self.config = self.folder / "postern.conf"
        self.ca = self.folder / "certs" / "ca.crt"
        self.data = self.folder / "data"
        self.store = store or f"sqlite:{self.data}/postern.db"
        self.log = self.folder / "posternd.log"

    def program(self, name):
        inside = self.build / {"posternd": "server", "postern": "client/cli"}.get(name, "") / name
        return inside if inside.exists() else self.build / name

    @property
    def url(self):
        return f"https://localhost:{self.port}"

    def lay_out(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self.make_certificates()
        self.data.mkdir(exist_ok=True)
        self.write_config()

    def beside(self, folder, port=None):
        """Another gateway of the same practice, as on a second machine: the same store, keys and
        authority; its own folder, data and port."""
        other = type(self)(folder, port, self.extra, self.build, self.https, self.store)
        other.folder.mkdir(parents=True)
        other.folder.chmod(0o755)
        shutil.copytree(self.ca.parent, other.ca.parent)
        other.make_certificates()
        other.data.mkdir()
        shutil.copystat(self.data, other.data)
        for key in ("vault.key", "ledger.key", "ledger.key.pub"):
            shutil.copy2(self.data / key, other.data / key)
        for path in (other.data, *other.data.iterdir()):
            model = (self.data / path.name if path != other.data else self.data).stat()
            os.chown(path, model.st_uid, model.st_gid)
        other.write_config()
        return other

    def make_certificates(self):
        """New ones from the same authority, once there is one."""
        subprocess.run([TOP / "certs" / "make-dev-ca.sh", self.folder / "certs"], check=True,
                       capture_output=True)

    def users(self):
        """A user for each role, where we may choose: root may not run them."""
        if os.geteuid() != 0:
            return ""
        lines = [f'  {role} = "{FIRST_UID + i}";' for i, role in enumerate(ROLES)]
        return "users: {\n  group = \"%d\";\n%s\n};\n" % (FIRST_UID, "\n".join(lines))

    def write_config(self):
        self.config.write_text(f'''# A throw-away practice on loopback.
origin = "{ORIGIN}";
store = "{self.store}";
data = "{self.data}";
run = "{self.folder}/run";
https: {{
  listen = [ "127.0.0.1:{self.port}" ];
  certificate = "{self.folder}/certs/server.crt";
  key = "{self.folder}/certs/server.key";
  {self.https}
}};
practice: {{ name = "Riverside Demo Practice"; telephone = "555-0142"; response-time = "2d"; }};
{self.users()}{self.extra}''')

    def posternd(self, *args, check=True):
        return subprocess.run([self.program("posternd"), *map(str, args)], capture_output=True,
                              text=True, check=check)

    def init(self, records_key):
        """Makes store and keys; answers the first administrator's link."""
        done = self.posternd("init", "-c", self.config, "--records-key", records_key)
        return next(word for word in done.stdout.split() if word.startswith("https://"))

    def run(self, *args):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.program("posternd"), "run", "-c", self.config, *args],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        at_end(self.end)  # whatever becomes of the test

    def start(self):
        self.run()
        wait_until(self.serving, "the gateway to serve")

    def serving(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"posternd ended with {self.process.returncode}:\n" +
                               self.log.read_text()[-2000:])
        with contextlib.suppress(OSError, ssl.SSLError):
            return self.request("GET", "/healthz")[0] == 200
        return False

    def roles(self):
        """Process ids by role, as the supervisor's children show them."""
        found = {}
        for task in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            for pid in task.read_text().split():
                with contextlib.suppress(OSError):
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
                    if "--role" in words:
                        found[words[words.index("--role") + 1]] = int(pid)
        return found

    def kill(self, role, sign=signal.SIGKILL):
        pid = self.roles().get(role)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        return pid

    def stop(self, sign=signal.SIGTERM):
        if self.process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            if sign == signal.SIGKILL:
                os.killpg(self.process.pid, sign)
            else:
                self.process.send_signal(sign)
        try:
            status = self.process.wait(READY_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            status = self.process.wait()
        self.process = None
        # Killed roles may take longer to go than their supervisor, and hold the port until then.
        wait_until(self.port_given_up, "the roles to be gone")
        self.check_log()
        return status

    def port_given_up(self):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", self.port))
                return True
        return False

    def end(self):
        """No process of ours outlives the test that started it."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def check_log(self):
        """A role that a sanitizer ended was restarted, and nobody else would have noticed."""
        log = self.log.read_text(errors="replace")
        for sign in ("Sanitizer", "runtime error:"):
            at = log.find(sign)
            if at >= 0:
                raise AssertionError(f"in {self.log}:\n{log[max(0, at - 200):at + 4000]}")

    def tls(self):
        return ssl.create_default_context(cafile=self.ca)

    def connect(self, timeout=READY_S):
        # By number: a minimal system may have no /etc/hosts. The certificate names both.
        return HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.tls())

    def request(self, method, path, body=None, headers=None, token=None, connection=None):
        """One request; answers status, headers and body (JSON decoded where it is)."""
        own = connection is None
        connection = connection or self.connect()
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            if "json" in (answer.getheader("Content-Type") or ""):
                content = json.loads(content)
            return answer.status, answer.headers, content
        finally:
            if own:
                connection.close()


class Client:
    """One person's `postern`, with a state folder shared by all profiles."""

    def __init__(self, gateway, profile):
        self.gateway = gateway
        self.profile = profile
        self.folder = gateway.folder / "people"
        self.folder.mkdir(exist_ok=True)
        self.passphrase_file = self.folder / f"{profile}.passphrase"
        self.totp_file = self.folder / f"{profile}.totp"
        self.environment = {
            **os.environ,
            "XDG_STATE_HOME": str(gateway.folder / "state"),
            "POSTERN_SERVER": gateway.url,
            "POSTERN_CA": str(gateway.ca),
            "POSTERN_PASSPHRASE_FILE": str(self.passphrase_file),
        }

    def at(self, gateway):
        """The same person, with the same state, at another gateway of the practice."""
        other = copy.copy(self)
        other.gateway = gateway
        other.environment = {**self.environment, "POSTERN_SERVER": gateway.url}
        return other

    def run(self, *args, text=None, check=True):
        done = subprocess.run(
            [self.gateway.program("postern"), "--profile", self.profile, *map(str, args)],
            input=text, capture_output=True, text=True, env=self.environment,
            cwd=self.folder, timeout=300)
        if check and done.returncode != 0:
            raise RuntimeError(f"postern {' '.join(map(str, args))} ended with "
                               f"{done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def json(self, *args, text=None, check=True):
        done = self.run("--json", *args, text=text, check=check)
        return json.loads(done.stdout) if done.stdout.strip() else {}
