#!/usr/bin/env python3
"""A node whose disk (a 64 MiB loop file system) fills up: stores get 507 with a reason, reads and
deletes go on, nothing acknowledged is lost, and it recovers when room returns."""
import hashlib, os, shutil, subprocess, sys, tempfile

from labkit import Lab, check, connect, multipart, program

USER = "full@disk.example"


def mount():
    top = tempfile.mkdtemp(prefix="peerpost-disk-", dir="/var/tmp")
    image, point = os.path.join(top, "image"), os.path.join(top, "disk")
    os.mkdir(point)
    with open(image, "wb") as f:
        f.truncate(64 << 20)
    made = subprocess.run(["mkfs.ext4", "-q", "-F", image], capture_output=True)
    mounted = made.returncode == 0 and subprocess.run(["mount", "-o", "loop", image, point], capture_output=True)
    if not mounted or mounted.returncode != 0:
        shutil.rmtree(top)
        return None, None
    return top, point


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
    stored, refused = {}, None
    for n in range(400):
        octets = os.urandom(300000 if n % 2 else 3000)
        status, text = put(connect(node), f"fill{n}@peerpost.invalid", octets, certificates)
        if status == 507:
            refused = text
            break
        check(status == 201, f"store {n}: {status} {text[:300]}")
        stored[f"fill{n}@peerpost.invalid"] = octets
    check(refused is not None, "120 MiB went onto a disk of 64 MiB")
    check(b"problem" in refused or b"full" in refused, f"507 without a reason: {refused[:200]}")
    return stored


def all_there(node, stored):
    for name, octets in stored.items():
        status, got = get(connect(node), name)
        check(status == 200 and got == octets, f"{name}: {status} after the disk filled")


def main():
    top, point = mount()
    if not top:
        print("skipped: no loop mount here (needs root and a kernel with loop devices)")
        return
    os.environ["TMPDIR"] = point
    try:
        with Lab(nodes=1, k=1, users=[USER], env={"PEERPOST_LAB_EXEMPT": "127.0.0.0/8"}) as lab:
            node = lab.status()[0]
            folder = os.path.join(lab.dir, "users", USER)
            found = subprocess.run(["find", folder, "-name", "*cert*.pem"], capture_output=True, text=True).stdout.split()
            certificates = open(found[0], "rb").read()
            stored = fill(node, certificates)
            print(f"{len(stored)} objects stored, then 507", flush=True)
            ballast = os.path.join(point, "ballast")
            subprocess.run(["fallocate", "-l", "64M", ballast], capture_output=True)
            with open(ballast, "ab") as f:
                try:
                    while True:
                        f.write(b"x" * 4096)
                        f.flush()
                except OSError:
                    pass
            all_there(node, stored)
            status, text = put(connect(node), "more@peerpost.invalid", os.urandom(300000), certificates)
            check(status == 507, f"a store on a full disk: {status} {text[:300]}")
            victim = sorted(stored)[-1]
            remove(lab, node, victim)
            stored.pop(victim)
            status, _ = get(connect(node), victim)
            check(status in (404, 410), f"deleted, and still {status}")
            all_there(node, stored)
            os.unlink(ballast)
            lab.kill(0)
            lab.restart(0)
            node = lab.status()[0]
            all_there(node, stored)
            for name in list(sorted(stored))[:4]:
                remove(lab, node, name)
                stored.pop(name)
            status, text = put(connect(node), "again@peerpost.invalid", os.urandom(3000), certificates)
            check(status == 201, f"no recovery after room returned: {status} {text[:300]}")
    finally:
        subprocess.run(["umount", point], capture_output=True)
        shutil.rmtree(top, ignore_errors=True)


def remove(lab, node, name):
    import shlex
    options = shlex.split(lab.agent(USER, "sign", "DELETE", f"https://{node['id']}.peerpost.alt/{name}").stdout.decode())
    c = connect(node)
    done = subprocess.run(["curl", "-sS", "-k", "-o", "/dev/null", "-w", "%{http_code}", "--connect-to",
                           f"::{c.host}:{c.port}", *options], capture_output=True, text=True)
    check(done.stdout == "204", f"delete of {name}: {done.stdout} {done.stderr}")


if __name__ == "__main__":
    main()
