#!/usr/bin/env python3
"""Man pages are clean to mandoc, and no document links to a file or a heading that is not there."""
import os
import re
import shutil
import subprocess
import sys

import house

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.M)


def anchors(text):
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in HEADING.findall(text)}


def links(top, path, faults):
    text = house.read(top, path)
    for m in LINK.finditer(text):
        target, _, anchor = m.group(1).partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
        line = text.count("\n", 0, m.start()) + 1
        if not os.path.exists(os.path.join(top, file)):
            faults.add(path, line, f"links to {file}, which is not there")
        elif anchor and anchor not in anchors(house.read(top, file)):
            faults.add(path, line, f"links to #{anchor}, which {file} does not have")


def problems(top, faults):
    """docs/protocol.md lists every problem of the node's table, and no other."""
    header, document = "core/node/problem.h", "docs/protocol.md"
    if not os.path.exists(os.path.join(top, header)):
        return
    known = {(s, n) for s, n in re.findall(r'X\(\w+, (\d+), "([^"]+)"', house.read(top, header))}
    told = {(s, n) for s, n in re.findall(r"^\| (\d{3}) \| `([^`]+)` \|", house.read(top, document), re.M)}
    for status, name in sorted(known ^ told):
        faults.add(document, 1, f"problem {status} {name}: table and {header} differ")


def main():
    top, faults = house.root(), house.Faults()
    if not shutil.which("mandoc"):
        sys.exit("mandoc is not installed: apt-get install mandoc")
    pages = house.files(top, (".1", ".5", ".8"), house.FOLDERS)
    for page in pages:
        done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", page], cwd=top, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        for line in done.stdout.splitlines():
            faults.add(page, 0, line)
    texts = [p for p in ("README.md", "CONTRIBUTING.md") if os.path.exists(os.path.join(top, p))]
    texts += house.files(top, (".md",), house.FOLDERS + ("docs",))
    for path in texts:
        links(top, path, faults)
    problems(top, faults)
    faults.end(len(pages) + len(texts))


main()
