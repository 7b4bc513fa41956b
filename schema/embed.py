#!/usr/bin/env python3
"""Write data files as C tables, to be compiled in.

    embed.py migrations ENGINE OUT.c FILE...   NNNN-name.sql, numbered from 1 without a gap
    embed.py terms OUT.c FILE...               ID-VERSION.LANGUAGE.txt
    embed.py words OUT.c FILE...               redirect.LANGUAGE.txt
    embed.py grants ENGINE OUT.c FILE
"""
import pathlib
import re
import sys


def literal(text):
    escaped = (
        line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("?", "\\?")
        for line in text.splitlines(keepends=True)
    )
    return "\n".join(f'     "{line}"' for line in escaped)


def migrations(engine, out, names):
    rows = []
    for number, path in enumerate(sorted(map(pathlib.Path, names)), start=1):
        if int(path.name[:4]) != number:
            sys.exit(f"{path.name}: expected number {number:04}")
        text = literal(path.read_text(encoding="utf-8"))
        rows.append(f'    {{{number}, "{path.stem}",\n{text}}},\n')
    write(out, "store/engine.h", f"struct pst_migration pst_migrations_{engine}", rows)


def terms(out, names):
    rows = []
    for path in sorted(map(pathlib.Path, names)):
        parts = re.fullmatch(r"([a-z]+)-([1-9][0-9]*)\.([A-Za-z-]+)\.txt", path.name)
        if parts is None:
            sys.exit(f"{path.name}: expected ID-VERSION.LANGUAGE.txt")
        text = literal(path.read_text(encoding="utf-8"))
        rows.append(
            f'    {{.id = "{parts[1]}", .version = {parts[2]}, .language = "{parts[3]}",\n'
            f"     .text =\n{text}}},\n"
        )
    write(out, "store/terms.h", "struct pst_terms pst_terms_builtin", rows)


def words(out, names):
    rows = []
    for path in sorted(map(pathlib.Path, names)):
        parts = re.fullmatch(r"redirect\.([A-Za-z-]+)\.txt", path.name)
        if parts is None:
            sys.exit(f"{path.name}: expected redirect.LANGUAGE.txt")
        text = literal(path.read_text(encoding="utf-8"))
        rows.append(f'    {{"{parts[1]}",\n{text}}},\n')
    write(out, "web/redirect_words.h", "struct pst_words pst_redirect_words_builtin", rows)


def grants(engine, out, name):
    text = literal(pathlib.Path(name).read_text(encoding="utf-8"))
    pathlib.Path(out).write_text(
        f'#include "server/store/engine.h"\n\nconst char pst_grants_{engine}[] =\n{text};\n',
        encoding="utf-8",
    )


def write(out, header, declaration, rows):
    name = declaration.split()[-1]
    pathlib.Path(out).write_text(
        f'#include "server/{header}"\n\n'
        f"const {declaration}[] = {{\n{''.join(rows)}}};\n"
        f"const size_t {name}_count = {len(rows)};\n",
        encoding="utf-8",
    )


def main():
    kind, *rest = sys.argv[1:]
    if kind == "migrations":
        migrations(rest[0], rest[1], rest[2:])
    elif kind == "grants":
        grants(*rest)
    elif kind == "words":
        words(rest[0], rest[1:])
    else:
        terms(rest[0], rest[1:])


main()
