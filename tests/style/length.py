#!/usr/bin/env python3
"""Files of at most 600 lines and 100 columns, functions of at most 80 lines, and an opening comment.

A decoder or one dispatch switch may be longer: it then stands in long-functions.txt beside this
file, as "PATH FUNCTION reason"; an entry that is no longer needed is a fault too.
"""
import os
import re

import house

FILE_LINES, FUNCTION_LINES, COLUMNS = 600, 80, 100
NAME = re.compile(r"(\w+)\s*\($")


def functions(lines):
    """(name, first line, length) by the house's layout: a body's braces stand alone at column 0."""
    start = None
    for i, line in enumerate(lines):
        if line == "{":
            start = i
        elif line == "}" and start is not None:
            head = start - 1
            while head > 0 and lines[head - 1].strip() and not lines[head - 1].startswith(("}", "#", " */")):
                head -= 1
            text = " ".join(lines[head:start])
            name = re.search(r"(\w+)\s*\(", text)
            yield (name.group(1) if name else "?"), head + 1, i - start + 1
            start = None


def allowed_list(top):
    path = os.path.join(top, "tests/style/long-functions.txt")
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as f:
        rows = [line.split(None, 2) for line in f if line.strip() and line[0] != "#"]
    return {(r[0], r[1]) for r in rows if len(r) == 3}


def main():
    top, faults = house.root(), house.Faults()
    allowed, used = allowed_list(top), set()
    paths = house.files(top)
    for path in paths:
        lines = house.read(top, path).split("\n")
        if len(lines) - 1 > FILE_LINES:
            faults.add(path, len(lines) - 1, f"over {FILE_LINES} lines; part it by act")
        if not lines[0].startswith("/*"):
            faults.add(path, 1, "opens without a comment that says what the file is for")
        for i, line in enumerate(lines):
            if len(line) > COLUMNS and not re.search(r"https?://|\"", line):
                faults.add(path, i + 1, f"over {COLUMNS} columns")
        for name, line, length in functions(lines):
            if length <= FUNCTION_LINES:
                continue
            if (path, name) in allowed:
                used.add((path, name))
            else:
                faults.add(path, line, f"{name}() has {length} lines, over {FUNCTION_LINES}; part it")
    for path, name in sorted(set(allowed) - used):
        faults.add("tests/style/long-functions.txt", 1, f"{path} {name} needs no exception any more")
    faults.end(len(paths))


main()
