#!/usr/bin/env python3
"""No file names a place of one machine or of one person, and nothing secret is in the tree."""
import re

import house

PLACES = re.compile(r"(?<![\w.$}])/(home|root|work|Users|farm)/[\w.-]+")
SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*\n[A-Za-z0-9+/=]{40}")
ENDINGS = (".c", ".h", ".py", ".sh", ".md", ".txt", ".yaml", ".yml", ".cmake", ".json", ".1", ".8")


def main():
    top, faults = house.root(), house.Faults()
    paths = house.files(top, ENDINGS, house.FOLDERS + ("docs", "config", "cmake", ".github", ".ci"))
    for path in paths:
        text = house.read(top, path)
        for m in PLACES.finditer(text):
            faults.add(path, text.count("\n", 0, m.start()) + 1,
                       f"{m.group(0)} is a place of one machine; take it from the environment")
        for m in SECRET.finditer(text):
            faults.add(path, text.count("\n", 0, m.start()) + 1,
                       "a private key in the tree; make it when the test runs")
    faults.end(len(paths))


main()
