"""Interchange with the `age` program: age_interop.py POSTERN

Files sealed by either open with the other, for every size around the ends of
chunks, binary and armored, for keys and for passphrases, key files sealed with
a passphrase, several recipients; 256 MiB at flat memory; what age refuses,
and what a failed open leaves behind. Exit status 77 without the program.
"""
import hashlib
import os
import pty
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = [0, 1, 15, 16, 17, 65535, 65536, 65537, 65552, 131071, 131072, 131073, 196608,
         262143, 262144, 262145, 327680, 327681, 1048575, 1048576, 1048577, 1114113]
BIG = 256 * 1024 * 1024
# More than this between 1 MiB and 256 MiB would mean that memory follows size.
# (What is measured never falls below the peak of this interpreter itself.)
FLAT_KIB = 4096
PASSPHRASE = "six words that nobody else knows"
TTY_SECONDS = 120

done = 0


def passed(name):
    global done
    done += 1
    print(f"ok {done} {name}", flush=True)


def run(*command, **more):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, **more)


def fails(*command, **more):
    result = subprocess.run([str(part) for part in command], capture_output=True, **more)
    assert result.returncode != 0, f"{command} succeeded"
    return result


def with_terminal(command, answer, want=0):
    """Runs a program on a terminal of its own, types answer at each prompt; what it showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], [str(part) for part in command])
    shown, prompt, deadline = b"", b"", time.monotonic() + TTY_SECONDS
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 1)
        if not ready:
            continue
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        prompt += piece
        if prompt.rstrip().endswith(b":"):
            os.write(terminal, answer.encode() + b"\n")
            prompt = b""
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == want, f"{command}: {shown!r}"
    return shown


def keygen(folder, name):
    path = folder / name
    run("age-keygen", "-o", path)
    return path, run("age-keygen", "-y", path).stdout.decode().strip()


def same(path, content):
    found = path.read_bytes()
    assert found == content, f"{path}: {len(found)} bytes differ from {len(content)}"


def each_size(postern, folder, key, recipient):
    plain, sealed, opened = folder / "plain", folder / "sealed", folder / "opened"
    for size in SIZES:
        content = os.urandom(size)
        plain.write_bytes(content)
        for armor in ([], ["-a"]):
            run(postern, "seal", "-r", recipient, *armor, "-o", sealed, plain)
            # age makes no file for an empty plaintext, so its standard output is read.
            assert run("age", "-d", "-i", key, sealed).stdout == content
            run("age", "-r", recipient, *armor, "-o", sealed, plain)
            run(postern, "open", "-i", key, "-o", opened, sealed)
            same(opened, content)
            # And by pipe.
            piped = run(postern, "seal", "-r", recipient, *armor, input=content).stdout
            assert run(postern, "open", "-i", key, input=piped).stdout == content
        passed(f"{size} bytes, binary and armored, both ways")


def recipients(postern, folder):
    keys = [keygen(folder, f"key{i}") for i in range(3)]
    stranger, _ = keygen(folder, "stranger")
    plain, opened = b"for three", folder / "opened"
    to = [part for _, recipient in keys for part in ("-r", recipient)]
    ours = run(postern, "seal", *to, input=plain).stdout
    theirs = run("age", *to, input=plain).stdout
    for key, _ in keys:
        assert run("age", "-d", "-i", key, input=ours).stdout == plain
        assert run(postern, "open", "-i", key, input=theirs).stdout == plain
        assert run(postern, "open", "-i", stranger, "-i", key, input=theirs).stdout == plain
    fails("age", "-d", "-i", stranger, input=ours)
    fails(postern, "open", "-i", stranger, "-o", opened, input=theirs)
    passed("three recipients, and a stranger who opens neither")


def passphrases(postern, folder):
    phrase_file = folder / "phrase"
    phrase_file.write_text(PASSPHRASE + "\n")
    env = {**os.environ, "POSTERN_PASSPHRASE_FILE": str(phrase_file)}
    plain, sealed, opened = folder / "plain", folder / "sealed", folder / "opened"
    content = os.urandom(70000)
    plain.write_bytes(content)
    for armor in ([], ["-a"]):
        with_terminal(["age", "-p", *armor, "-o", sealed, plain], PASSPHRASE)
        run(postern, "open", "-o", opened, sealed, env=env)
        same(opened, content)
        run(postern, "seal", "-p", *armor, "-o", sealed, plain, env=env)
        opened.unlink()
        with_terminal(["age", "-d", "-o", opened, sealed], PASSPHRASE)
        same(opened, content)
    passed("passphrase, binary and armored, both ways")
    opened.unlink()
    with_terminal([postern, "open", "-o", opened, sealed], PASSPHRASE)
    same(opened, content)
    passed("passphrase typed at a terminal")
    wrong = folder / "wrong"
    wrong.write_text("another\n")
    fails(postern, "open", "-o", opened, sealed,
          env={**os.environ, "POSTERN_PASSPHRASE_FILE": str(wrong)})
    passed("wrong passphrase")

    key, recipient = keygen(folder, "owned")
    locked = folder / "locked"
    for command in (["age", "-p", "-o", locked, key], ["age", "-p", "-a", "-o", locked, key]):
        with_terminal(command, PASSPHRASE)
        run("age", "-r", recipient, "-o", sealed, plain)
        run(postern, "open", "-i", locked, "-o", opened, sealed, env=env)
        same(opened, content)
    run(postern, "seal", "-p", "-o", locked, key, env=env)
    opened.unlink()
    with_terminal(["age", "-d", "-i", locked, "-o", opened, sealed], PASSPHRASE)
    same(opened, content)
    passed("key file sealed with a passphrase, both ways")


def peak_kib(*command):
    """Peak resident memory of one run, in KiB."""
    child = os.fork()
    if child == 0:
        os.execv(str(command[0]), [str(part) for part in command])
    _, status, usage = os.wait4(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, command
    return usage.ru_maxrss


def digest(path):
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            found.update(piece)
    return found.hexdigest()


def big(postern, folder, key, recipient):
    peaks = []
    for size in (1 << 20, BIG):
        plain, sealed, opened = folder / "plain", folder / "sealed", folder / "opened"
        with open(plain, "wb") as file:
            for _ in range(size >> 20):
                file.write(os.urandom(1 << 20))
        seal = peak_kib(postern, "seal", "-r", recipient, "-o", sealed, plain)
        opening = peak_kib(postern, "open", "-i", key, "-o", opened, sealed)
        peaks.append((seal, opening))
        assert digest(plain) == digest(opened)
        run("age", "-d", "-i", key, "-o", opened, sealed)
        assert digest(plain) == digest(opened)
        run("age", "-r", recipient, "-o", sealed, plain)
        run(postern, "open", "-i", key, "-o", opened, sealed)
        assert digest(plain) == digest(opened)
    for path in (plain, sealed, opened):
        path.unlink()
    for name, small, large in zip(("seal", "open"), *peaks):
        assert large - small < FLAT_KIB, f"{name}: {small} KiB, then {large} KiB"
    passed(f"256 MiB both ways; peak memory {peaks[0]} KiB for 1 MiB, {peaks[1]} for 256")


def failures(postern, folder, key, recipient):
    plain, sealed, opened = folder / "plain", folder / "sealed", folder / "opened"
    content = os.urandom(200000)
    plain.write_bytes(content)
    run(postern, "seal", "-r", recipient, "-o", sealed, plain)
    whole = sealed.read_bytes()
    damaged = {"cut": whole[:-1], "cut at a chunk": whole[:-(200000 % 65536 + 16)],
               "one byte more": whole + b"x", "changed": whole[:-1] + bytes([whole[-1] ^ 1]),
               "empty": b"", "not age": b"%PDF-1.7\n"}
    for name, file in damaged.items():
        sealed.write_bytes(file)
        opened.write_bytes(b"what stood there")
        before = sorted(folder.iterdir())
        fails("age", "-d", "-i", key, input=file)
        assert fails(postern, "open", "-i", key, "-o", opened, sealed).returncode == 65, name
        same(opened, b"what stood there")
        assert sorted(folder.iterdir()) == before, name
        passed(f"{name}: neither opens it, and nothing is left behind")
    seal_errors(postern, folder, recipient)


def seal_errors(postern, folder, recipient):
    plain = folder / "plain"
    low_order = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq3xfaju"
    for arguments in ([], ["-r", "age1"], ["-r", recipient, "-r", recipient], ["-r", low_order],
                      ["-r", recipient, "-p"]):
        assert fails(postern, "seal", *arguments, "-o", folder / "none", plain).returncode == 64
        assert not (folder / "none").exists()
    fails(postern, "seal", "-r", recipient, "-o", folder / "none", folder / "missing")
    assert not (folder / "none").exists()
    passed("bad recipients and missing files leave nothing")


def terminals(postern, folder, key, recipient):
    """Text goes to a terminal; what could drive it does not."""
    plain, sealed = folder / "plain", folder / "sealed"
    for content, status in (("¡Gracias!\n".encode(), 0), (b"bell \x07", 65), (b"\x1b[2J", 65),
                            ("C1 \x9b2J".encode(), 65)):
        plain.write_bytes(content)
        run(postern, "seal", "-r", recipient, "-o", sealed, plain)
        shown = with_terminal([postern, "open", "-i", key, sealed], "", want=status)
        assert (content.strip() in shown) == (status == 0), shown
    with_terminal([postern, "seal", "-a", "-r", recipient, plain], "")
    with_terminal([postern, "seal", "-r", recipient, plain], "", want=64)
    passed("a terminal is given text alone")


def main():
    postern = Path(sys.argv[1]).resolve()
    if shutil.which("age") is None or shutil.which("age-keygen") is None:
        print("the age program is not installed")
        return 77
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(prefix="postern-age-", dir=os.environ.get("TMPDIR", "/var/tmp")) as name:
        folder = Path(name)
        key, recipient = keygen(folder, "key")
        each_size(postern, folder, key, recipient)
        recipients(postern, folder)
        passphrases(postern, folder)
        failures(postern, folder, key, recipient)
        terminals(postern, folder, key, recipient)
        big(postern, folder, key, recipient)
    print(f"{done} passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
