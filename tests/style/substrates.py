#!/usr/bin/env python3
"""The substrates share their plumbing: each folder plugins/substrate-NAME stays under 1,500 lines, and
nothing of six lines or more stands twice between two of them. What two need belongs to plugins/common.

Lines are compared without white space and with the substrate's own name taken out; blank lines,
comments, lone punctuation and includes do not count.
"""
import os
import re

import house

LINES, RUN = 1500, 6
# Folders longer than that, and how long they may be: take a name out as soon as its folder keeps the rule.
LONG = {"substrate-can": 2120}


def folders(top):
    """Name -> its files."""
    found = {}
    for path in house.files(top, folders=("plugins",)):
        folder = path.split(os.sep)[1]
        if folder.startswith("substrate-"):
            found.setdefault(folder[len("substrate-"):], []).append(path)
    return found


def counted(top, path, name):
    """(line number, the line as compared) of each line that counts."""
    lines = []
    for number, line in enumerate(house.code(house.read(top, path), True).split("\n"), 1):
        line = re.sub(r"\s+", "", line)
        if re.search(r"\w", line) and not line.startswith("#include"):
            lines.append((number, re.sub(name, "@", line, flags=re.I)))
    return lines


def runs(top, name, paths):
    """Each run of RUN lines, and where it first stands."""
    where = {}
    for path in paths:
        lines = counted(top, path, name)
        for i in range(len(lines) - RUN + 1):
            where.setdefault(tuple(line for _, line in lines[i:i + RUN]), (path, lines[i][0]))
    return where


def find_twice(top, found, faults):
    seen = {}
    for name, paths in found.items():
        last = ("", 0)
        for text, (path, line) in runs(top, name, paths).items():
            other = seen.setdefault(text, (name, path, line))
            if other[0] == name:
                continue
            if path != last[0] or line > last[1] + RUN:  # a longer run is one fault
                faults.add(path, line, f"{RUN} lines that stand at {other[1]}:{other[2]} too; "
                                       "move what both need into plugins/common")
            last = (path, line)


def main():
    top, faults = house.root(), house.Faults()
    found = folders(top)
    for name, paths in found.items():
        lines = sum(house.read(top, path).count("\n") for path in paths)
        print(f"substrate-{name}: {lines} lines")
        limit = LONG.get(f"substrate-{name}", LINES)
        if lines >= limit:
            faults.add(paths[0], 1, f"substrate-{name} has {lines} lines, not under {limit}; "
                                    "move what another substrate needs too into plugins/common")
    find_twice(top, found, faults)
    for name in sorted(LONG):
        print(f"may be longer yet: {name}")
    faults.end(len(found))


main()
