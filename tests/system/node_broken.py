#!/usr/bin/env python3
"""A disk that fails to sync: the write gets 500, the node stops with 74 and a clear sentence, and
after a restart everything acknowledged is there."""
import http.client, os, shutil, subprocess, sys

from labkit import check, program
from onenode import Node


def main():
    if not shutil.which("strace"):
        print("skipped: no strace to inject the failure")
        return
    if "__asan" in subprocess.run(["nm", "-D", program("peerpostd")], capture_output=True, text=True).stdout:
        print("skipped under a sanitizer: its leak check does not run under strace")
        return
    with Node(options='limits: {exempt: ["127.0.0.0/8"]}\n') as node:
        node.kill()
        trace = node.path("trace")
        node.start(prefix=["strace", "-f", "-o", trace, "-e", "trace=fdatasync,fsync",
                           "-e", "inject=fdatasync,fsync:error=EIO:when=8+"])
        acknowledged, failed = [], None
        for i in range(40):
            try:
                status = node.store(f"b{i}@x", b"octets %d" % i)
            except (OSError, http.client.HTTPException):
                break
            if status == 201:
                acknowledged.append(i)
            elif failed is None:
                failed = status
        check(failed == 500, f"the failed write got {failed}")
        check(acknowledged, "nothing was written before the failure")
        check(node.process.wait(20) == 74, f"exit {node.process.returncode}, wanted 74")
        log = open(node.path("log")).read()
        check("failed to write or sync" in log and "look at the disk" in log, log[-500:])
        node.start()
        for i in acknowledged:
            status, _, body = node.request("GET", f"/b{i}@x")
            check((status, body) == (200, b"octets %d" % i), f"b{i}@x was acknowledged: {status}")
        print(f"{len(acknowledged)} writes, then 500 and exit 74; all there after the restart")


if __name__ == "__main__":
    main()
