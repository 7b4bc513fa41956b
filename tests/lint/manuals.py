"""Holds packaging/man against the program: every command and option of posternd,
every variable it reads, every setting with its default and limits.

    manuals.py TOP
"""
import re
import sys
from pathlib import Path

TOP = Path(sys.argv[1])
SETTING = re.compile(r'SETTING\("([^"]*)",\s*"([^"]*)",\s*(\w+),\s*(true|false),\s*'
                     r'(NULL|"[^"]*"),\s*(NULL|"[^"]*"),\s*(NULL|"[^"]*"),')


def read(name):
    return (TOP / name).read_text()


def entries(page):
    """{(group, key): text} of postern.conf.5: a section a group, ".It Ic key = Ar kind" a key."""
    found = {}
    for section in page.split("\n.Sh ")[1:]:
        group = re.search(r"^The group\n\.Ic (\S+) \.$", section, re.M)
        for part in section.split("\n.It Ic ")[1:]:
            key, text = part.split(" = ", 1)
            found[group[1] if group else "", key] = text
    return found


def settings_missing():
    page = entries(read("packaging/man/postern.conf.5"))
    rows = SETTING.findall(read("server/config/settings.def"))
    known = {(group, key) for group, key, *_ in rows}
    if len(rows) < 20:
        yield "settings.def could not be read"
    for group, key, _, required, default, least, most in rows:
        name = f"postern.conf.5: {group}.{key}"
        text = page.get((group, key))
        if text is None:
            yield f"{name} is missing"
            continue
        wants = ["Required."] if required == "true" else []
        wants += [f"Default: {default[1:-1]}."] if default != "NULL" else []
        wants += [f"From {least[1:-1]} to {most[1:-1]}."] if least != "NULL" else []
        yield from (f"{name} does not say: {want}" for want in wants
                    if want not in text.splitlines())
    yield from (f"postern.conf.5: {group}.{key} is no setting" for group, key in page
                if (group, key) not in known)


def example_missing():
    """The annotated example names every setting too, set or behind a #."""
    text = read("packaging/postern.conf.example")
    for group, key, *_ in SETTING.findall(read("server/config/settings.def")):
        part = text
        if group:
            found = re.search(rf"^(# )?{group}: {{$(.*?)^(# )?}};$", text, re.M | re.S)
            part = found[2] if found else ""
        if not re.search(rf"^[# ]*{key} = ", part, re.M):
            yield f"postern.conf.example: {group}.{key} is missing"


def commands_missing():
    page = read("packaging/man/posternd.8")
    table = read("server/main.c").split("} commands[] = {", 1)[1].split("\n};", 1)[0]
    commands = re.findall(r'^\s*{"([a-z-]+)",', table, re.M)
    if len(commands) < 3:
        yield "the table of commands in server/main.c could not be read"
    for command in commands:
        if not re.search(rf"^\.It Cm {command}\b", page, re.M):
            yield f"posternd.8: the command {command} is missing"
    for source in ("server/main.c", "server/policy/command.c"):
        for option in re.findall(r'{"([a-z-]+)", (?:no|required)_argument', read(source)):
            shown = "Fl c" if option == "config" else f"Fl -{option}"
            # --inherit is between the supervisor and its roles.
            if option != "inherit" and not re.search(rf"{shown}\b", page):
                yield f"posternd.8: the option --{option} is missing"


def variables_missing():
    page = read("packaging/man/posternd.8")
    for source in sorted((TOP / "server").rglob("*.c")):
        for name in re.findall(r'getenv\("(\w+)"\)', source.read_text()):
            if f".It Ev {name}\n" not in page:
                yield f"posternd.8: ${name} of {source.relative_to(TOP)} is missing"


def main():
    problems = [problem for check in (settings_missing, example_missing, commands_missing,
                                      variables_missing) for problem in check()]
    print("\n".join(problems) or "manual pages fit the program")
    return 1 if problems else 0


sys.exit(main())
