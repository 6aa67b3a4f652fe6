#!/usr/bin/env python3
"""Behind a SOCKS proxy: mail arrives; nothing leaves but to the proxy, no datagram at all; each operation has a
circuit of its own; a proxy that is down means no mail now, never a direct way. With a proxy of this test that
keeps a log, and with microsocks."""
import os, re, shutil, socket, struct, subprocess, sys, threading, time

from labkit import Lab, check, endpoint

ANNA, BOB = "anna@a.example", "bob@b.example"


class Proxy:
    """SOCKS5 (RFC 1928, 1929): keeps (user name, destination) of every connection."""

    def __init__(self):
        self.log, self.server = [], socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    @staticmethod
    def exactly(s, n):
        got = b""
        while len(got) < n:
            piece = s.recv(n - len(got))
            if not piece:
                raise ConnectionError
            got += piece
        return got

    def serve(self, client):
        try:
            version, methods = self.exactly(client, 2)
            offered, user = self.exactly(client, methods), b""
            if 2 in offered:
                client.sendall(b"\x05\x02")
                self.exactly(client, 1)
                user = self.exactly(client, self.exactly(client, 1)[0])
                self.exactly(client, self.exactly(client, 1)[0])
                client.sendall(b"\x01\x00")
            else:
                client.sendall(b"\x05\x00")
            _, _, _, kind = self.exactly(client, 4)
            host = (socket.inet_ntoa(self.exactly(client, 4)) if kind == 1
                    else self.exactly(client, self.exactly(client, 1)[0]).decode())
            port = struct.unpack(">H", self.exactly(client, 2))[0]
            self.log.append((user.decode(), f"{host}:{port}"))
            server = socket.create_connection((host, port))
            client.sendall(b"\x05\x00\x00\x01\0\0\0\0\0\0")
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()
        except (ConnectionError, OSError, IndexError):
            client.close()

    @staticmethod
    def pump(a, b):
        try:
            while piece := a.recv(65536):
                b.sendall(piece)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def configure(lab, port, delay):
    gateways = ", ".join("%s:%d" % endpoint(n) for n in lab.status()[:4])
    for user in (ANNA, BOB):
        path = os.path.join(lab.dir, "users", user, "config.yaml")
        text = open(path).read().split("\nanonymity:\n")[0].rstrip("\n") + "\n"
        with open(path, "w") as f:
            f.write(text + f"anonymity:\n  proxy: socks5h://127.0.0.1:{port}\n  gateways: [{gateways}]\n  delay: {delay}\n")


def traced(lab, user, *argv, input=b"", expect=0):
    """The agent under strace: where its sockets lead."""
    trace = os.path.join(lab.dir, "trace")
    done = subprocess.run(["strace", "-f", "-qq", "-o", trace, "-e", "trace=connect,sendto,sendmsg,sendmmsg"]
                          + lab.argv(user, *argv), input=input, capture_output=True, timeout=300,
                          env=dict(lab.env, ASAN_OPTIONS="detect_leaks=0"))
    check(expect is None or done.returncode == expect, f"{argv}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    text = open(trace, errors="replace").read()
    ends = set(re.findall(r'connect\(\d+, \{sa_family=AF_INET6?, sin6?_port=htons\((\d+)\)', text))
    datagrams = [line for line in text.splitlines() if re.search(r"send(to|msg|mmsg)\(", line) and "htons" in line]
    return done, {int(p) for p in ends}, datagrams


def send(lab, subject, *options, **more):
    return traced(lab, ANNA, "send", *options, BOB, input=f"Subject: {subject}\n\nhello\n".encode(), **more)


def arrived(lab, subject):
    return sum(f"Subject: {subject}\n".encode() in m for m in lab.mails(BOB))


with Lab(nodes=6, users=[ANNA, BOB]) as lab:
    proxy = Proxy()
    configure(lab, proxy.port, "100ms")
    _, ports, datagrams = send(lab, "one", "--wait")
    check(ports == {proxy.port} and not datagrams, f"other ways than the proxy: {ports} {datagrams[:3]}")
    users = {}
    for user, to in proxy.log:
        check(user, f"no circuit of its own to {to}")
        users.setdefault(user, set()).add(to)
    check(len(users) > 8, f"only {len(users)} circuits for look-ups, certificate, store and append")
    check(all(len(to) <= 6 for to in users.values()), users)
    sent = len(users)
    proxy.log.clear()
    _, ports, datagrams = traced(lab, BOB, "fetch")
    check(ports == {proxy.port} and not datagrams, f"other ways than the proxy: {ports}")
    check(arrived(lab, "one") == 1, "the mail did not arrive")
    check(not {u for u, _ in proxy.log} & set(users), "two runs share a circuit")
    print(f"own proxy: sent over {sent} circuits, fetched over {len({u for u, _ in proxy.log})}, nothing beside them")

    proxy.server.shutdown(socket.SHUT_RDWR)
    proxy.server.close()
    started = time.monotonic()
    done, ports, datagrams = send(lab, "two", expect=None)
    check(b"queued" in done.stdout and ports == {proxy.port} and not datagrams, f"{done.stdout} {ports}")
    done, ports, datagrams = traced(lab, BOB, "fetch", expect=75)
    check(ports == {proxy.port} and not datagrams, f"proxy down, yet {ports}")
    print(f"proxy down: queued, fetch says 75, no direct way tried ({time.monotonic() - started:.0f} s)")

    if not shutil.which("microsocks"):
        sys.exit("microsocks is needed: apt-get install microsocks")
    port = 20000 + os.getpid() % 20000
    real = subprocess.Popen(["microsocks", "-i", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL)
    try:
        configure(lab, port, "0s")
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        lab.agent(ANNA, "queue", "run", timeout=300)
        lab.agent(BOB, "fetch", timeout=300)
        check(arrived(lab, "two") == 1, "what was queued did not arrive")
        print("microsocks: what was queued arrived")
    finally:
        real.kill()
        real.wait()
