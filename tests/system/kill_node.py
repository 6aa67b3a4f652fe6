#!/usr/bin/env python3
"""kill -9 of a node at random instants under write load: nothing acknowledged with 2xx is missing,
nothing is corrupt.  kill_node.py [INSTANTS] [--mutant NAME: the loss must show]"""
import hashlib, os, random, shlex, subprocess, sys, threading, time

from labkit import STORE, Failure, Lab, check, connect, multipart, program

USER = "reader@kill.example"
SIZES = [100, 4096, 4096, 60000, 300000, 1500000]


class Load:
    """One connection's worth of writes; remembers what was acknowledged."""

    def __init__(self, number, node, certificates):
        self.number, self.node, self.certificates = number, node, certificates
        self.stored, self.appended, self.count, self.running = {}, set(), 0, True
        self.random = random.Random(number)
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        connection = None
        while self.running:
            try:
                connection = connection or connect(self.node, 10)
                self.write(connection)
            except Exception:
                connection = None
                time.sleep(0.01)

    def write(self, connection):
        self.count += 1
        octets = self.random.randbytes(self.random.choice(SIZES))
        if self.count % 3 == 0:
            octets = octets[:4096]
            connection.request("PUT", "/" + USER, octets, {"Pragma": "append-inbox"})
        else:
            identifier = f"k{self.number}x{self.count}@peerpost.invalid"
            body, fields = multipart(self.certificates, octets)
            connection.request("PUT", "/" + identifier, body, fields)
        answer = connection.getresponse()
        answer.read()
        if answer.status not in (200, 201, 202):
            if answer.status == 429 or answer.status == 507:
                time.sleep(0.05)
            return
        if self.count % 3 == 0:
            self.appended.add(hashlib.sha256(octets).digest())
        else:
            self.stored[identifier] = hashlib.sha256(octets).digest()


def read_inbox(lab, node):
    """Digests of all notifications, by signed requests made with `peerpost sign` and curl."""
    found, confirm = set(), None
    while True:
        url = f"https://{node['id']}.peerpost.alt/{USER}"
        argv = ["sign", "GET", url, "--pragma", "read-inbox"] + (["--confirm", confirm] if confirm else [])
        options = shlex.split(lab.agent(USER, *argv).stdout.decode())
        address, port = connect(node).host, connect(node).port
        head = os.path.join(lab.dir, "head")
        done = subprocess.run(["curl", "-sS", "-k", "-D", head, "--connect-to", f"::{address}:{port}", *options],
                              capture_output=True)
        check(done.returncode == 0, f"curl: {done.stderr.decode()}")
        fields = dict(line.strip().lower().split(": ", 1) for line in open(head) if ": " in line)
        check(open(head).readline().split()[1] == "200", open(head).read() + done.stdout.decode(errors="replace"))
        body, at = done.stdout, 0
        while at < len(body):
            size = int.from_bytes(body[at + 8:at + 12], "big")
            found.add(hashlib.sha256(body[at + 12:at + 12 + size]).digest())
            at += 12 + size
        check(at == len(body), "an inbox answer ends inside a notification")
        if not body:
            return found
        confirm = fields["peerpost-batch"]


def verify(lab, node, loads):
    missing, connection = [], connect(node)
    for load in loads:
        for identifier, digest in load.stored.items():
            connection.request("GET", "/" + identifier)
            answer = connection.getresponse()
            octets = answer.read()
            if answer.status == 429:
                raise Failure("the load is throttled: limits.exempt is not set")
            if answer.status != 200 or hashlib.sha256(octets).digest() != digest:
                missing.append((identifier, answer.status))
    inbox = read_inbox(lab, node)
    lost = sum(len(load.appended - inbox) for load in loads)
    return missing, lost


def main():
    instants = int(next((a for a in sys.argv[1:] if a.isdigit()), "20"))
    mutant = sys.argv[sys.argv.index("--mutant") + 1] if "--mutant" in sys.argv else None
    if STORE == "mem":
        print("skipped: store-mem promises nothing over the end of its process")
        return
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    print(f"seed {seed}, {instants} instants{', mutant ' + mutant if mutant else ''}", flush=True)
    os.environ["PEERPOST_LAB_EXEMPT"] = "127.0.0.0/8"
    with Lab(nodes=1, k=1, users=[USER], env={"PP_MUTANT": mutant} if mutant else None) as lab:
        node = lab.status()[0]
        folder = os.path.join(lab.dir, "users", USER)
        certificate = subprocess.run(["find", folder, "-name", "*cert*.pem"], capture_output=True, text=True).stdout.split()[0]
        loads = [Load(i, node, open(certificate, "rb").read()) for i in range(6)]
        for _ in range(instants):
            time.sleep(rng.uniform(0.02, 0.5))
            lab.kill(0)
            lab.restart(0)
        for load in loads:
            load.running = False
        for load in loads:
            load.thread.join(30)
        node = lab.status()[0]
        missing, lost = verify(lab, node, loads)
        stored, appended = sum(len(x.stored) for x in loads), sum(len(x.appended) for x in loads)
        print(f"{stored} stores and {appended} appends acknowledged; missing {len(missing)} and {lost}", flush=True)
        check(stored > instants and appended > 0, "there was no load to speak of")
        if mutant:
            check(missing or lost, f"the mutant {mutant} went unnoticed")
        else:
            check(not missing and not lost, f"acknowledged and gone: {missing[:5]} and {lost} notifications")


if __name__ == "__main__":
    main()
