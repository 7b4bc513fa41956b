#!/usr/bin/env python3
"""Write the numbered migrations of one engine as a C table.

    embed.py ENGINE OUT.c FILE...

Files are called NNNN-name.sql and numbered from 1 without a gap.
"""
import pathlib
import sys


def literal(text):
    lines = text.splitlines(keepends=True)
    escaped = (
        line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("?", "\\?")
        for line in lines
    )
    return "\n".join(f'     "{line}"' for line in escaped)


def main():
    engine, out, *names = sys.argv[1:]
    rows = []
    for number, path in enumerate(sorted(map(pathlib.Path, names)), start=1):
        if int(path.name[:4]) != number:
            sys.exit(f"{path.name}: expected number {number:04}")
        text = path.read_text(encoding="utf-8")
        rows.append(f'    {{{number}, "{path.stem}",\n{literal(text)}}},\n')
    pathlib.Path(out).write_text(
        '#include "server/store/engine.h"\n\n'
        f"const struct pst_migration pst_migrations_{engine}[] = {{\n{''.join(rows)}}};\n"
        f"const size_t pst_migrations_{engine}_count = {len(rows)};\n",
        encoding="utf-8",
    )


main()
