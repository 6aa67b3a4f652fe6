"""What the style tests share: the source files, C text without comments and strings, reporting.

Every test takes the tree to look at as its first argument (default: PEERPOST_SOURCE, else the tree
it stands in), prints one line a fault, "FILE:LINE: what, and what to do", and exits 1 when there
was one.
"""
import os
import re
import sys

FOLDERS = ("core", "plugins", "ua", "ca", "gateway", "sim", "lab", "bench", "tests")


def root():
    if len(sys.argv) > 1:
        return sys.argv[1]
    here = os.path.dirname(os.path.abspath(__file__))
    return os.environ.get("PEERPOST_SOURCE", os.path.dirname(os.path.dirname(here)))


def files(top, endings=(".c", ".h"), folders=FOLDERS):
    """Paths relative to the tree, in order."""
    found = []
    for folder in folders:
        for path, dirs, names in os.walk(os.path.join(top, folder)):
            dirs[:] = [d for d in dirs if not d.startswith(".") and d != "__pycache__"]
            found += [os.path.relpath(os.path.join(path, n), top) for n in names if n.endswith(endings)]
    return sorted(found)


def read(top, path):
    with open(os.path.join(top, path), encoding="utf-8", errors="surrogateescape") as f:
        return f.read()


TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def code(text, keep_strings=False):
    """The text with comments (and strings) blanked; line numbers stay."""

    def blank(m):
        s = m.group(0)
        if keep_strings and s[0] in "\"'":
            return s
        return re.sub(r"[^\n]", " ", s)

    return TOKEN.sub(blank, text)


class Faults:
    def __init__(self):
        self.n = 0

    def add(self, path, line, text):
        print(f"{path}:{line}: {text}")
        self.n += 1

    def end(self, looked_at):
        if looked_at == 0:
            print("nothing to look at: is this the right tree?")
            sys.exit(1)
        print(f"{looked_at} files, {self.n} faults")
        sys.exit(1 if self.n else 0)
