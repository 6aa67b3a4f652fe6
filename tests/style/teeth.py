#!/usr/bin/env python3
"""The style tests bite: a small tree with one fault of each kind, and each test finds it."""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CLEAN = {
    "core/include/peerpost/id.h": "/* x */\n#ifndef A\n#define A\nint pp_a(void);\n#endif\n",
    "core/base/log.h": "/* x */\n#ifndef B\n#define B\n#include <peerpost/id.h>\n#endif\n",
    "core/base/log.c": "/* x */\n#include <base/log.h>\n",
    "core/node/node.h": "/* x */\n#ifndef N\n#define N\n#endif\n",
    "core/http/client.h": "/* x */\n#ifndef H\n#define H\n#endif\n",
    "plugins/substrate-x/x.c": "/* x */\n#include <peerpost/id.h>\n#include <string.h>\n",
    "README.md": "# A\n\n[b](#a)\n",
    "ua/net.h": "/* x */\n#ifndef U\n#define U\n#endif\n",
}
LONG = "/* x */\nint f(void);\nint f(void)\n{\n" + "    (void)0;\n" * 90 + "    return 0;\n}\n"
RUN = "".join(f"int {c};\n" for c in "abcdef")
CLEAN["plugins/substrate-x/y.c"] = "/* x */\n" + RUN
# test, path, text of the faulty file, a word of the fault
BAD = [
    ("floors", "core/base/log.c", "/* x */\n#include <node/node.h>\n", "floors below"),
    ("floors", "core/node/a.c", '/* x */\n#include "../../ua/net.h"\n', "floors below"),
    ("floors", "ua/a.c", "/* x */\n#include <node/node.h>\n", "floors below"),
    ("floors", "plugins/substrate-x/x.c", "/* x */\n#include <base/log.h>\n", "a plugin includes"),
    ("floors", "plugins/substrate-x/x.c", "/* x */\n#include <time.h>\n", "it has no I/O"),
    ("floors", "plugins/store-y/y.c", '/* x */\n#include "../substrate-x/x.c"\n', "a plugin includes"),
    ("floors", "core/node/b.c", "/* x */\n#include <yaml.h>\n", "may be included in core/config/"),
    ("floors", "core/http/server.c", "/* x */\n#include <ev.h>\n", "may be included in core/io/"),
    ("floors", "ua/b.c", "/* x */\n#include <curl/curl.h>\n", "may be included in core/http/client"),
    ("floors", "ua/mail/c.c", "/* x */\n#include <http/client.h>\n", "does no I/O"),
    ("floors", "core/base/b.c", '/* x */\n#include "../../plugins/substrate-x/x.c"\n', "names a plugin"),
    ("banned", "core/base/c.c", "/* x */\nvoid f(char *a) { strcpy(a, a); }\n", "strcpy() is not"),
    ("banned", "core/base/c.c", "/* x */\nint a; /* TO" + "DO */\n", "tracker"),
    ("banned", "core/base/c.c", "/* x */\ntypedef struct a b;\n", "typedefs"),
    ("length", "core/base/d.c", LONG, "f() has 93 lines"),
    ("length", "core/base/d.c", "/* x */\n" + "\n" * 601, "over 600 lines"),
    ("length", "core/base/d.c", "int a;\n", "opens without a comment"),
    ("length", "core/base/d.c", "/* x */\n/* " + "y" * 100 + " */\n", "over 100 columns"),
    ("paths", "core/base/e.c", '/* x */\nchar *a = "/ho' + 'me/someone/x";\n', "one machine"),
    ("headers", "core/base/f.h", "/* x */\nstruct a { uint8_t b; };\n", "does not compile alone"),
    ("documents", "docs/a.md", "[x](nowhere.md)\n", "which is not there"),
    ("documents", "lab/a.1", ".Dd x\n.Foo\n", "lab/a.1"),
    ("substrates", "plugins/substrate-y/y.c", "/* x */\n\n" + RUN, "y/y.c:3: 6 lines that stand"),
    ("substrates", "plugins/substrate-y/z.c", "/* x */\n" + "\n" * 1499, "not under 1500"),
    ("format", "core/base/g.c", "/* x */\nint  a ;\n", "run clang-format"),
]


def write(top, path, text):
    full = os.path.join(top, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as f:
        f.write(text)


def run(test, tree):
    return subprocess.run([sys.executable, os.path.join(HERE, test + ".py"), tree],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def tree_with(top, extra):
    for path, text in CLEAN.items():
        write(top, path, text)
    with open(os.path.join(HERE, "../../.clang-format"), encoding="utf-8") as f:
        write(top, ".clang-format", f.read())
    if extra:
        write(top, *extra)


def main():
    failed = 0
    for test in sorted({b[0] for b in BAD}):
        with tempfile.TemporaryDirectory() as top:
            tree_with(top, None)
            done = run(test, top)
            if done.returncode:
                print(f"{test} refuses a clean tree:\n{done.stdout}")
                failed += 1
    for test, path, text, words in BAD:
        with tempfile.TemporaryDirectory() as top:
            tree_with(top, (path, text))
            done = run(test, top)
            if done.returncode != 1 or words not in done.stdout:
                print(f"{test} does not find \"{words}\" in {path}:\n{done.stdout}")
                failed += 1
    print(f"{len(BAD)} faults planted, {failed} missed")
    sys.exit(1 if failed else 0)


main()
