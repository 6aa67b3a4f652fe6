#!/usr/bin/env python3
"""One message to many: k bodies for each thousand recipients, not for each; killed midway and gone on with, nobody
gets it twice and nobody is missed.  recipients.py [RECIPIENTS, 96; eight addresses share a certificate]"""
import concurrent.futures, json, os, subprocess, sys, time

from labkit import Lab, check, program

SENDER = "sender@many.example"
EACH, K = 8, 5  # addresses a certificate, copies


def user(lab, number):
    """The configuration file of the owner of eight addresses, published."""
    folder = os.path.join(lab.dir, "users", f"owner{number}")
    os.makedirs(folder, 0o700)
    addresses = [f"r{number}.{n}@many.example" for n in range(EACH)]
    done = subprocess.run([program("peerpost-ca"), "issue", "--dir", os.path.join(lab.dir, "ca"), "--out",
                           os.path.join(folder, "user"), *addresses], capture_output=True, text=True)
    check(done.returncode == 0, f"peerpost-ca issue: {done.stderr}")
    with open(os.path.join(lab.dir, "users", SENDER, "config.yaml")) as f:
        text = f.read().replace(f"address: {SENDER}", f"address: {addresses[0]}")
    with open(os.path.join(folder, "config.yaml"), "w") as f:
        f.write(text)
    return addresses


def progress(lab):
    """What status says is stored, without asking anybody."""
    found = json.loads(lab.agent(SENDER, "status", "--offline", "--json").stdout)
    return [r["address"] for m in found for r in m["recipients"] if r["state"] == "stored"]


def killed_midway(lab, addresses):
    """send, killed by itself (kill -9) when half of the copies of notifications are acknowledged."""
    to = ",\n ".join(addresses)
    text = f"From: {SENDER}\nTo: {to}\nSubject: to all of you\n\nonce, and once only.\n".encode()
    done = lab.agent(SENDER, "send", "-t", "--wait", input=text, expect=None, timeout=1200,
                     env={"PP_CRASH": f"send-appended:{len(addresses) * K // 2}"})
    check(done.returncode == -9, f"send was not killed midway: {done}")


def go_on(lab):
    """Peak MiB of the process that delivers the rest."""
    peak, end = 0, time.monotonic() + 1200
    while json.loads(lab.agent(SENDER, "queue", "list", "--json").stdout or "[]"):
        check(time.monotonic() < end, "the queue does not become empty")
        with open(os.path.join(lab.dir, "queue.log"), "ab") as log:
            p = subprocess.Popen(lab.argv(SENDER, "queue", "run"), stdout=log, stderr=log, env=lab.env)
            _, _, used = os.wait4(p.pid, 0)
        p.returncode = 0
        peak = max(peak, used.ru_maxrss)
    return peak / 1024


def read(lab, number):
    """Each of the eight addresses was told once: one message, and seven more notifications of it."""
    folder = os.path.join(lab.dir, "users", f"owner{number}")
    done = subprocess.run([program("peerpost"), "--config", os.path.join(folder, "config.yaml"), "fetch", "--json"],
                          capture_output=True, text=True, env=lab.env)
    ends = [json.loads(line)["state"] for line in done.stdout.splitlines()]
    check(done.returncode == 0 and sorted(ends) == ["delivered"] + (EACH - 1) * ["known"],
          f"owner {number}: exit {done.returncode}, {ends}\n{done.stderr}")


def main(count):
    owners = -(-count // EACH)
    with Lab(nodes=8, k=K, users=[SENDER], env={"PEERPOST_LAB_EXEMPT": "127.0.0.0/8"}) as lab:
        print("limits by source are lifted for 127.0.0.0/8: one machine plays many", flush=True)
        addresses = [a for n in range(owners) for a in user(lab, n)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for done in pool.map(lambda n: subprocess.run(
                    [program("peerpost"), "--config", os.path.join(lab.dir, "users", f"owner{n}", "config.yaml"), "publish"],
                    capture_output=True, text=True, env=lab.env), range(owners)):
                check(done.returncode == 0, f"publish: {done.stderr}")
        before = sum(lab.objects().values())
        start = time.monotonic()
        killed_midway(lab, addresses)
        peak = go_on(lab)
        took = time.monotonic() - start
        bodies, wanted = sum(lab.objects().values()) - before, K * -(-len(addresses) // 1000)
        check(bodies == wanted, f"{bodies} bodies for {len(addresses)} recipients, wanted {wanted}")
        stored = progress(lab)
        check(sorted(stored) == sorted(addresses), f"{len(set(stored))} of {len(addresses)} are stored")
        sample = range(owners) if owners <= 16 else range(0, owners, owners // 16)
        for number in sample:
            read(lab, number)
        print(f"{len(addresses)} recipients: {bodies} bodies, whole after {took:.1f} s with a kill midway, peak "
              f"{peak:.0f} MiB; {EACH * len(sample)} of them read it once each", flush=True)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 96)
