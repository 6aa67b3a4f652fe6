#!/usr/bin/env python3
"""The shell commands of docs/protocol.md run as they stand. Each ```sh block is given to bash with the
variables that the document's own preamble names, in order, in one folder; a line `# => TEXT` below a
command says what its output must contain."""
import os, re, subprocess, sys

from labkit import SOURCE, Lab, check, endpoint, program

ALICE, BOB = "alice@campus.example", "bob@campus.example"


def blocks(path):
    text = open(path, encoding="utf-8").read()
    return re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)


def main():
    found = blocks(os.path.join(SOURCE, "docs", "protocol.md"))
    check(len(found) >= 6, f"docs/protocol.md shows only {len(found)} command blocks")
    with Lab(nodes=3, k=3, users=[ALICE, BOB]) as lab:  # every node holds everything
        node = lab.status()[0]
        address, port = endpoint(node)
        env = dict(os.environ, NODE_ID=node["id"], NODE=f"{address}:{port}", ADDRESS=ALICE,
                   CONFIG=os.path.join(lab.dir, "users", ALICE, "config.yaml"),
                   CERT=subprocess.run(["find", os.path.join(lab.dir, "users", ALICE), "-name", "*cert*.pem"],
                                       capture_output=True, text=True).stdout.split()[0],
                   PATH=os.path.dirname(program("peerpost")) + ":" + os.environ["PATH"])
        folder = os.path.join(lab.dir, "commands")
        os.mkdir(folder)
        for n, block in enumerate(found):
            done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", block], cwd=folder, env=env,
                                  capture_output=True, text=True, timeout=60)
            check(done.returncode == 0, f"block {n + 1} failed ({done.returncode}):\n{block}\n{done.stdout}{done.stderr}")
            for wanted in re.findall(r"^# => (.*)$", block, re.M):
                check(wanted in done.stdout, f"block {n + 1}: no '{wanted}' in:\n{done.stdout}\nfor\n{block}")
        print(f"{len(found)} blocks of commands ran as they stand")


if __name__ == "__main__":
    main()
