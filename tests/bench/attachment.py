"""A message with a file of 25 MiB, up and down, beside the same bytes to and from nginx by curl."""
import os
import shutil
import subprocess
from pathlib import Path

from bench import acceptance
from bench.measuring import MIB, Cost, Peak, figure, median, pids
from e2e import cast
from e2e.harness import Gateway, free_port, wait_until

FILE_BYTES = 25 * MIB
# In base 64, in lines of 76 characters with two for the end of each.
MAIL_BYTES = FILE_BYTES * 4 // 3 * 78 // 76 + 2000
TRANSFERS = 3  # a round
GROWTH_BYTES = 4 * MIB
LEAST_BYTES = MIB // 16  # what pages kept from before may hide

NGINX = """
daemon off;
{user}
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_max_body_size 100m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    sendfile on;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certs}/server.crt;
        ssl_certificate_key {certs}/server.key;
        ssl_protocols TLSv1.3;
        root {folder}/files;
        dav_methods PUT;
    }}
}}
"""


class Nginx:
    """Files up by PUT and down by GET, with the gateway's certificate."""

    def __init__(self, folder, gateway):
        self.port = free_port()
        self.folder = folder
        (folder / "files").mkdir(parents=True)
        user = "user root;" if os.geteuid() == 0 else ""
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=self.port, user=user,
                                       certs=gateway.folder / "certs"))
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-p", folder, "-c", config],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until((folder / "nginx.pid").exists, "nginx to start")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Transfers:
    def __init__(self, gateway, forger, nginx):
        self.gateway, self.forger, self.nginx = gateway, forger, nginx
        self.headers = forger.folder / "headers"
        self.answer = forger.folder / "answer"
        self.posted = []
        self.made = 0

    def curl(self, port, path, *options, out=os.devnull):
        """Seconds of one transfer, from the first packet to the last."""
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--fail", "--http1.1", "--cacert",
             self.gateway.ca, "--output", out, "--write-out", "%{time_total}", *options,
             f"https://localhost:{port}{path}"], capture_output=True, text=True, check=True)
        return float(done.stdout)

    def sign_in(self):
        self.headers.write_text(f"Authorization: Bearer {self.forger.person.token()}\n"
                                "Content-Type: application/vnd.postern.sealed\n")

    def make(self):
        """The next message: none is ever sent twice."""
        self.made += 1
        return self.forger.write(self.forger.folder / f"large-{self.made}", "--bytes", MAIL_BYTES,
                                 "--attachments", 1)

    def up(self, message):
        self.sign_in()
        seconds = self.curl(self.gateway.port, f"/v1/threads/{self.forger.thread}/messages",
                            "--header", f"@{self.headers}", "--request", "POST",
                            "--upload-file", message, out=self.answer)
        self.posted.append(self.answer.read_text().split('"id":"', 1)[1][:36])
        return seconds

    def down(self):
        self.sign_in()
        return self.curl(self.gateway.port, f"/v1/messages/{self.posted[-1]}", "--header",
                         f"@{self.headers}")

    def peer_up(self, message):
        return self.curl(self.nginx.port, f"/{self.made}", "--upload-file", message)

    def peer_down(self):
        return self.curl(self.nginx.port, f"/{self.made}")

    def one(self):
        """Seconds by way, the gateway and nginx in turns, of one message; its size."""
        message = self.make()
        size = message.stat().st_size
        taken = {"up": self.up(message), "peer_up": self.peer_up(message), "down": self.down(),
                 "peer_down": self.peer_down()}
        message.unlink()
        (self.nginx.folder / "files" / str(self.made)).unlink()
        return taken, size


def run(transfers, rounds):
    taken = {}
    _, size = transfers.one()  # caches fill, which stay
    for _ in range(rounds * TRANSFERS):
        for way, seconds in transfers.one()[0].items():
            taken.setdefault(way, []).append(seconds)
    return {way: median(seconds) for way, seconds in taken.items()}, size


def growth(transfers, way):
    message = transfers.make()
    if way == "down":
        transfers.up(message)
    with Peak(pids(transfers.gateway)) as peak, Cost(transfers.gateway) as cost:
        if way == "up":
            transfers.up(message)
        else:
            transfers.down()
    message.unlink()
    return peak.growth, cost.seconds


def figures_of(transfers, rounds):
    taken, size = run(transfers, rounds)
    figures = []
    for way in ("up", "down"):
        ours, peer = taken[way], taken[f"peer_{way}"]
        figures.append(figure(f"message with a file of 25 MiB ({size / MIB:.1f} MiB sealed) {way}",
                              size / MIB / ours, "MiB/s", "curl to nginx over TLS", peer / ours,
                              0.5))
    for way in ("up", "down"):
        grown, cpu = zip(*[growth(transfers, way) for _ in range(rounds)])
        more = max(median(grown), LEAST_BYTES)
        figures.append(figure(f"memory of all roles while it goes {way}, above before (PSS)",
                              more / MIB, "MiB", "4 MiB", GROWTH_BYTES / more, 1))
        figures.append(figure(f"processor time of all roles for it {way}", median(cpu), "s"))
    return figures


def measure(build, work, rounds):
    gateway = Gateway(Path(work) / "attachment", build=build, extra=acceptance.LIMITS)
    nginx = None
    try:
        practice = cast.small_practice(gateway)
        carol = practice["carol"]
        first = carol.json("send", "--to", practice["ada"].id, "--team", practice.team,
                           text="The first.\n")
        nginx = Nginx(Path(work) / "nginx-files", gateway)
        return figures_of(Transfers(gateway, cast.Forger(practice, carol, first["thread"]), nginx),
                          rounds)
    finally:
        gateway.stop()
        if nginx is not None:
            nginx.stop()
            shutil.rmtree(nginx.folder)
