"""./dev lint: everything about the source that a machine can judge, each check by name.

Exits 0 only when every check is clean. Needs nothing built before.
"""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]

# Which folder may include headers of which others (docs/architecture.md).
# Everything may use include/postern. A folder not listed here may not exist.
LAYERS = {
    "lib": set(),
    "server/admission": set(),
    "server/config": {"server/log"},
    "server/log": set(),
    "server/handover": set(),
    "server/vault": set(),
    "server/store": set(),
    "server/role": {"server/config", "server/log", "server/handover"},
    "server/supervisor": {"server/config", "server/log", "server/role"},
    "server/door": {"server/config", "server/log", "server/handover", "server/role"},
    "server/mail": {"server/config", "server/log", "server/handover", "server/role"},
    "server/init": {"server/config", "server/log", "server/role", "server/store", "server/vault",
                    "schema"},
    "server/migrate": {"server/config", "server/log", "server/role", "server/store"},
    "server/check": {"server/config", "server/role", "server/store", "server/vault"},
    "server/web": {"server/config", "server/log", "server/handover", "server/role",
                   "server/admission", "server/store", "server/vault", "schema"},
    "server/policy": {"server/admission", "server/config", "server/handover", "server/role",
                      "server/store", "server/web"},
    "server/courier": {"server/config", "server/log", "server/role", "server/store",
                       "server/vault"},
    "server/keeper": {"server/config", "server/log", "server/role", "server/store",
                      "server/vault"},
    "server/export": {"server/config", "server/log", "server/admission", "server/store",
                      "server/vault"},
    "client/cli": set(),
}
# server/*.c itself (commands and supervisor) may use every server folder.

BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|system|gmtime|"
                    r"localtime|tmpnam|mktemp)\s*\(")
SQL = re.compile(r'"\s*(SELECT|INSERT INTO|INSERT OR|UPDATE [a-z_]+ SET|DELETE FROM|CREATE TABLE)\b')
FORBIDDEN_LIBS = {"sqlite3.h": "server/store", "libpq-fe.h": "server/store"}
MAX_FILE_LINES = 800


def sources(*suffixes):
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=TOP, capture_output=True, check=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if name.endswith(suffixes) and (TOP / name).is_file():
            yield name


def folder_of(name):
    parts = name.split("/")
    return "/".join(parts[:2]) if parts[0] in ("server", "client") else parts[0]


def check_layers():
    problems = []
    for name in sources(".c", ".h"):
        folder = folder_of(name)
        if name.startswith(("include/", "tests/")) or name.count("/") == 1 and folder != "lib":
            continue
        if folder not in LAYERS:
            problems.append(f"{name}: folder {folder} has no layer")
            continue
        for number, line in enumerate((TOP / name).read_text().splitlines(), 1):
            found = re.match(r'\s*#\s*include\s+["<]((?:server|client|lib|schema|tests)/[^">]+)', line)
            if found:
                target = folder_of(found[1])
                if target != folder and target not in LAYERS[folder]:
                    problems.append(f"{name}:{number}: {folder} may not include {target}")
    return problems


def check_libraries():
    problems = []
    for name in sources(".c", ".h"):
        if name.startswith("tests/"):
            continue
        for number, line in enumerate((TOP / name).read_text().splitlines(), 1):
            found = re.match(r"\s*#\s*include\s+[<\"]([^>\"]+)", line)
            home = FORBIDDEN_LIBS.get(found[1]) if found else None
            if home and not name.startswith(home + "/"):
                problems.append(f"{name}:{number}: {found[1]} belongs to {home} alone")
    return problems


def grep(pattern, names, word):
    problems = []
    for name in names:
        for number, line in enumerate((TOP / name).read_text().splitlines(), 1):
            if pattern.search(line) and not line.lstrip().startswith(("*", "/*", "//")):
                problems.append(f"{name}:{number}: {word}: {line.strip()[:90]}")
    return problems


def check_banned():
    return grep(BANNED, sources(".c", ".h"), "banned function")


def check_sql():
    names = [n for n in sources(".c", ".h", ".def")
             if n.startswith(("server/", "lib/", "client/")) and not n.startswith("server/store/")]
    return grep(SQL, names, "SQL outside server/store")


def check_file_length():
    return [f"{name}: {lines} lines" for name in sources(".c", ".h", ".py")
            if (lines := len((TOP / name).read_text().splitlines())) > MAX_FILE_LINES]


def run(*command, env=None):
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True,
                          env={**os.environ, **(env or {})})
    lines = (done.stdout + done.stderr).splitlines()
    return done.returncode, lines


def check_format():
    status, lines = run("clang-format", "--dry-run", "-Werror", *sources(".c", ".h"))
    return [line for line in lines if ": error:" in line] if status else []


def build(folder, compiler):
    """A build folder of this compiler with every warning an error."""
    path = TOP / folder
    if not (path / "build.ninja").exists():
        shutil.rmtree(path, ignore_errors=True)
        status, lines = run("meson", "setup", folder, "--werror", "--buildtype=debugoptimized",
                            env={"CC": compiler})
        if status:
            return lines[-30:]
    status, lines = run("ninja", "-C", folder)
    return [line for line in lines if re.search(r"(error|warning|undefined)", line)][:40] \
        if status else []


def check_gcc():
    return build("build-gcc", "gcc")


def check_clang():
    return build("build-clang", "clang")


def check_tidy():
    units = [n for n in sources(".c") if not n.startswith("tests/fuzz/")]
    status, lines = run("run-clang-tidy", "-quiet", "-p", "build-clang", "-j", "2", *units)
    return [line for line in lines if re.search(r": (warning|error):", line)] or \
        (["clang-tidy failed"] if status else [])


def check_cppcheck():
    status, lines = run(
        "cppcheck", "-q", "-j", "2", "--std=c11", "--error-exitcode=1", "--inline-suppr",
        "--enable=warning,portability,performance", "--suppressions-list=tests/lint/cppcheck.txt",
        "-I", "include", "-I", ".", "-D__x86_64__", "--include=tests/lint/jansson.h", "lib", "server", "client/cli")
    return lines if status else []


def check_openapi():
    path = TOP / "schema/openapi.yaml"
    status, lines = run("/usr/bin/python3", "tests/lint/openapi.py", str(path))
    return lines if status else []


def longest_functions(count=10):
    status, lines = run("ctags", "-f", "-", "--languages=C", "--kinds-C=f", "--fields=+ne",
                        *[n for n in sources(".c") if not n.startswith("tests/")])
    rows = []
    for line in lines if status == 0 else []:
        start = re.search(r"\bline:(\d+)", line)
        end = re.search(r"\bend:(\d+)", line)
        if start and end:
            name, path = line.split("\t")[:2]
            rows.append((int(end[1]) - int(start[1]) + 1, f"{path}:{start[1]} {name}"))
    return sorted(rows, reverse=True)[:count]


CHECKS = [
    ("layers", check_layers),
    ("libraries", check_libraries),
    ("banned functions", check_banned),
    ("SQL in its place", check_sql),
    ("file length", check_file_length),
    ("format", check_format),
    ("openapi", check_openapi),
    ("gcc", check_gcc),
    ("clang", check_clang),
    ("cppcheck", check_cppcheck),
    ("clang-tidy", check_tidy),
]


def main():
    wanted = sys.argv[1:]
    failed = 0
    for name, check in CHECKS:
        if wanted and name not in wanted:
            continue
        problems = check()
        failed += bool(problems)
        print(f"{'ok  ' if not problems else 'FAIL'} {name}", flush=True)
        for problem in problems[:60]:
            print(f"     {problem}")
    print("longest functions:")
    for lines, where in longest_functions():
        print(f"     {lines:4d} {where}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
