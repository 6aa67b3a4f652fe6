#!/usr/bin/env python3
"""How long a node takes from its start to its first answer, with an empty store and with a great one,
beside nginx: alternated, medians and spreads of both, ours/nginx. The answer is an object's octets.

  bench/start.py [--build DIR] [--stores lmdb,fs] [--objects N] [--octets S] [--large N] [--rounds N]
                 [--keep DIR]    a store of that size kept from one run to the next

Needs: nginx; build the release preset first."""
import argparse, os, shutil, socket, subprocess, tempfile, time

import node

HEAD = b"GET /%s HTTP/1.1\r\nHost: bench\r\n\r\n"


class Starting:
    """A server that is started by `first` alone."""

    def __init__(self, server, path):
        self.server, self.path = server, path
        server.stop()

    def first(self, end):
        """Milliseconds from the start of the process to the first answer with status 200."""
        s = self.server
        began = time.monotonic()
        s.process = subprocess.Popen(["taskset", "-c", "0", *s.argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not self.answers():
            if s.process.poll() is not None:
                raise SystemExit(f"{s.argv}: ended with {s.process.returncode}")
            if time.monotonic() - began > 600:
                raise SystemExit(f"{s.argv}: no answer")
        took = 1000 * (time.monotonic() - began)
        end(s)
        return took

    def answers(self):
        try:
            with socket.create_connection((self.server.address, self.server.port), 5) as c:
                c.sendall(HEAD % self.path.encode())
                return c.recv(4096).startswith(b"HTTP/1.1 200")
        except OSError:
            time.sleep(0.0002)
            return False


def kill(server):
    server.process.kill()
    server.process.wait()


def fill(a, plugin, path, objects, large):
    began = time.monotonic()
    node.run(os.path.join(a.build, "bin", "bench_fill"), plugin, path, str(objects), str(a.octets), str(large))
    print(f"{plugin}: {objects} objects of {a.octets} octets and {large} of 300000 stored in "
          f"{time.monotonic() - began:.0f} s", flush=True)


def configure(ours, plugin, path):
    config = os.path.join(ours.folder, "peerpostd.yaml")
    with open(config) as f:
        text = f.read().replace("plugin: lmdb\n  lmdb: {capacity: 8GiB}",
                                f"plugin: {plugin}\n  path: {path}\n  {plugin}: {{capacity: 64GiB}}")
    with open(config, "w") as f:
        f.write(text)


def measure(a, top, plugin, nginx):
    kept = a.keep or top
    for objects, large, goal in ((1, 0, 2), (a.objects, a.large, 3)):
        path = os.path.join(kept, f"{plugin}-{objects}-{large}")
        folder = os.path.join(top, f"node-{plugin}-{objects}")
        os.makedirs(folder)
        if not os.path.isdir(path):
            fill(a, plugin, path, objects, large)
        server = node.Peerpostd(a.build, folder, tls=False)
        server.stop()
        configure(server, plugin, path)
        server.start()
        ours = Starting(server, "fill0@bench.example")
        for way, end in (("stopped", node.Server.stop), ("killed", kill)):
            node.pair(f"{plugin}, {objects + large} objects, {way} before, ms", lambda: ours.first(end),
                      lambda: nginx.first(node.Server.stop), "nginx", goal, a.rounds, [], True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default=os.path.join(node.HERE, "..", "build", "release"))
    p.add_argument("--stores", default="lmdb,fs")
    p.add_argument("--objects", type=int, default=1000000)
    p.add_argument("--octets", type=int, default=200)
    p.add_argument("--large", type=int, default=2000)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--keep")
    a = p.parse_args()
    if a.keep:
        os.makedirs(a.keep, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="peerpost-bench-", dir=os.environ.get("TMPDIR", "/var/tmp")) as top:
        os.chmod(top, 0o755)
        www = os.path.join(top, "nginx", "www")
        os.makedirs(www)
        with open(os.path.join(www, "object"), "wb") as f:
            f.write(os.urandom(a.octets))
        nginx = Starting(node.Nginx(os.path.join(top, "nginx")), "object")
        for plugin in a.stores.split(","):
            measure(a, top, plugin, nginx)


if __name__ == "__main__":
    main()
