#!/usr/bin/env python3
"""A node whose disk (a 64 MiB loop file system) fills up: stores get 507 with a reason, reads and
deletes go on, nothing acknowledged is lost, and it recovers when room returns."""
import os, shlex, subprocess

from diskkit import Disk
from labkit import Lab, check, connect, multipart

USER = "full@disk.example"


def put(connection, name, octets, certificates):
    body, fields = multipart(certificates, octets)
    connection.request("PUT", "/" + name, body, fields)
    answer = connection.getresponse()
    return answer.status, answer.read()


def get(connection, name):
    connection.request("GET", "/" + name)
    answer = connection.getresponse()
    return answer.status, answer.read()


def fill(node, certificates):
    stored, refused, connection = {}, None, connect(node)
    for n in range(400):
        octets = os.urandom(300000 if n % 2 else 3000)
        status, text = put(connection, f"fill{n}@peerpost.invalid", octets, certificates)
        if status == 507:
            refused = text
            break
        check(status == 201, f"store {n}: {status} {text[:300]}")
        stored[f"fill{n}@peerpost.invalid"] = octets
    check(refused is not None, "120 MiB went onto a disk of 64 MiB")
    check(b"problem" in refused or b"full" in refused, f"507 without a reason: {refused[:200]}")
    return stored


def all_there(node, stored):
    connection = connect(node)
    for name, octets in stored.items():
        status, got = get(connection, name)
        check(status == 200 and got == octets, f"{name}: {status} after the disk filled")


def remove(lab, node, name):
    options = shlex.split(lab.agent(USER, "sign", "DELETE", f"https://{node['id']}.peerpost.alt/{name}").stdout.decode())
    c = connect(node)
    done = subprocess.run(["curl", "-sS", "-k", "-o", "/dev/null", "-w", "%{http_code}", "--connect-to",
                           f"::{c.host}:{c.port}", *options], capture_output=True, text=True)
    check(done.stdout == "204", f"delete of {name}: {done.stdout} {done.stderr}")


def fills(lab, disk):
    node = lab.status()[0]
    folder = os.path.join(lab.dir, "users", USER)
    found = subprocess.run(["find", folder, "-name", "*cert*.pem"], capture_output=True, text=True).stdout.split()
    certificates = open(found[0], "rb").read()
    stored = fill(node, certificates)
    print(f"{len(stored)} objects stored, then 507", flush=True)
    disk.fill()
    all_there(node, stored)
    status, text = put(connect(node), "more@peerpost.invalid", os.urandom(300000), certificates)
    check(status == 507, f"a store on a full disk: {status} {text[:300]}")
    victim = sorted(stored)[-1]
    remove(lab, node, victim)
    stored.pop(victim)
    status, _ = get(connect(node), victim)
    check(status in (404, 410), f"deleted, and still {status}")
    all_there(node, stored)
    disk.room()
    lab.kill(0)
    lab.restart(0)
    node = lab.status()[0]
    all_there(node, stored)
    for name in list(sorted(stored))[:4]:
        remove(lab, node, name)
        stored.pop(name)
    status, text = put(connect(node), "again@peerpost.invalid", os.urandom(3000), certificates)
    check(status == 201, f"no recovery after room returned: {status} {text[:300]}")


def main():
    with Disk() as disk:
        if disk.path:
            os.environ["TMPDIR"] = disk.path
            with Lab(nodes=1, k=1, users=[USER], env={"PEERPOST_LAB_EXEMPT": "127.0.0.0/8"}) as lab:
                fills(lab, disk)


if __name__ == "__main__":
    main()
