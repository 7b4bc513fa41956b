"""Full TLS 1.3 handshakes with one small request: the gateway and nginx, same certificate."""
import statistics
import subprocess
from pathlib import Path

from bench.measuring import load
from e2e.harness import Client, Gateway, free_port, wait_until

CONNECTIONS = 32
SECONDS = 4
# All connections come from one address: its share is not what is measured.
HTTPS = "connections-per-address = 100000;"

NGINX = """
daemon off;
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certs}/server.crt;
        ssl_certificate_key {certs}/server.key;
        ssl_protocols TLSv1.3;
        location = /healthz {{ default_type text/plain; return 200 "ok"; }}
    }}
}}
"""


def load_get(build, port, ca):
    return load(build, [port], ca, get="/healthz", kind="fresh", connections=CONNECTIONS,
                seconds=SECONDS)["per_second"]


def measure_nginx(build, folder, gateway):
    port = free_port()
    folder.mkdir(parents=True)
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, certs=gateway.folder / "certs"))
    process = subprocess.Popen(["/usr/sbin/nginx", "-p", folder, "-c", config],
                               stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until((folder / "nginx.pid").exists, "nginx to start")
        return load_get(build, port, gateway.ca)
    finally:
        process.terminate()
        process.wait()


def records_key(gateway):
    """A records key made offline, as custodians do it; answers its public half."""
    folder = gateway.folder / "shares"
    made = Client(gateway, "custodian").json("records", "init", "--custodians", 3, "--threshold", 2,
                                             "--shares", folder)
    return made["recipient"]


def measure(build, work, rounds):
    gateway = Gateway(Path(work) / "handshakes", build=build, https=HTTPS)
    gateway.lay_out()
    gateway.init(records_key(gateway))
    gateway.start()
    ours, peer = [], []
    try:
        for i in range(rounds):
            ours.append(load_get(build, gateway.port, gateway.ca))
            peer.append(measure_nginx(build, Path(work) / f"nginx-{i}", gateway))
        return {"postern": statistics.median(ours), "nginx": statistics.median(peer)}
    finally:
        gateway.stop()
