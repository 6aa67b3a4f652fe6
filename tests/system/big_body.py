#!/usr/bin/env python3
"""An idle node is small (RSS under 12 MiB) and a 64 MiB body in and out adds at most 4 MiB of
anonymous memory. Only meaningful without a sanitizer: says so and stops otherwise."""
import hashlib, os, re, subprocess, sys, threading, time

from labkit import BIN, Lab, check, connect, multipart

USER = "big@size.example"
IDLE_KIB, GROWTH_KIB = 12 * 1024, 4 * 1024


def memory(pid):
    with open(f"/proc/{pid}/status") as f:
        text = f.read()
    return {w: int(re.search(rf"^{w}:\s+(\d+)", text, re.M).group(1)) for w in ("VmRSS", "RssAnon")}


class Watch(threading.Thread):
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peak, self.running = pid, 0, True
        self.start()

    def run(self):
        while self.running:
            self.peak = max(self.peak, memory(self.pid)["RssAnon"])
            time.sleep(0.005)

    def stop(self):
        self.running = False
        self.join()
        return self.peak


def main():
    symbols = subprocess.run(["nm", "-D", os.path.join(BIN, "peerpostd")], capture_output=True, text=True).stdout
    if "__asan" in symbols or "__tsan" in symbols:
        print("skipped: a sanitizer's memory is no measure of ours")
        return
    with Lab(nodes=1, k=1, users=[USER]) as lab:
        node = lab.status()[0]
        folder = os.path.join(lab.dir, "users", USER)
        found = subprocess.run(["find", folder, "-name", "*cert*.pem"], capture_output=True, text=True).stdout.split()
        certificates = open(found[0], "rb").read()
        idle = memory(node["pid"])
        print(f"idle: RSS {idle['VmRSS']} KiB, anonymous {idle['RssAnon']} KiB", flush=True)
        check(idle["VmRSS"] < IDLE_KIB, f"an idle node takes {idle['VmRSS']} KiB")
        octets = os.urandom(64 << 20)
        body, fields = multipart(certificates, octets)
        watch = Watch(node["pid"])
        connection = connect(node, 120)
        connection.request("PUT", "/big@peerpost.invalid", body, fields)
        answer = connection.getresponse()
        check(answer.status == 201, f"store: {answer.status} {answer.read()[:300]}")
        answer.read()
        stored = watch.stop()
        watch = Watch(node["pid"])
        connection.request("GET", "/big@peerpost.invalid")
        answer = connection.getresponse()
        digest = hashlib.sha256()
        while piece := answer.read(65536):
            digest.update(piece)
        fetched = watch.stop()
        check(digest.digest() == hashlib.sha256(octets).digest(), "the body came back altered")
        print(f"64 MiB in: +{stored - idle['RssAnon']} KiB, out: +{fetched - idle['RssAnon']} KiB anonymous", flush=True)
        check(stored - idle["RssAnon"] <= GROWTH_KIB, f"storing added {stored - idle['RssAnon']} KiB")
        check(fetched - idle["RssAnon"] <= GROWTH_KIB, f"fetching added {fetched - idle['RssAnon']} KiB")


if __name__ == "__main__":
    main()
