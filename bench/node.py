#!/usr/bin/env python3
"""Ratios of one peerpostd against nginx, h2o and raw LMDB, every pair measured in the same run.

Alternates A B A B ..., prints the median and the spread of both sides and ours/peer. The server runs
on the first processor, the load on the others. Ours runs as shipped (durable answers); peers leave
out what they leave out. limits.exempt lifts the bounds by source for the load: it is printed.

  bench/node.py [--build DIR] [--seconds S] [--rounds N] [--only WORD]

Needs: wrk nginx (with dav) h2o; build the release preset first.
"""
import argparse, json, os, re, shutil, signal, socket, ssl, statistics, subprocess, sys, tempfile, time
import http.client

HERE = os.path.dirname(os.path.abspath(__file__))


def run(*argv, **kw):
    return subprocess.run(argv, check=True, capture_output=True, text=True, **kw)


def free_port(address="127.0.0.1"):
    with socket.socket() as s:
        s.bind((address, 0))
        return s.getsockname()[1]


def wait_port(address, port, process, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise SystemExit(f"{' '.join(process.args)} ended at once with status {process.returncode}")
        try:
            socket.create_connection((address, port), 0.5).close()
            return
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"nothing answers at {address}:{port}")


def pss(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
    return total


def children(pid):
    found = [pid]
    out = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    for child in out:
        found += children(int(child))
    return found


class Server:
    def __init__(self, argv, address, port, log=subprocess.DEVNULL):
        self.argv, self.log_to, self.address, self.port = argv, log, address, port
        self.start()

    def start(self):
        self.process = subprocess.Popen(["taskset", "-c", "0", *self.argv], stdout=subprocess.DEVNULL,
                                        stderr=self.log_to)
        wait_port(self.address, self.port, self.process)

    def again(self):
        """The same server, started anew: nothing is left of what it allocated before."""
        self.stop()
        self.start()
        return self

    def pss(self):
        return pss(children(self.process.pid))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Peerpostd(Server):
    """A network of one node, k = 1."""

    def __init__(self, build, folder, tls):
        self.folder = folder
        os.chmod(folder, 0o700)
        ca = os.path.join(build, "bin", "peerpost-ca")
        d = os.path.join(folder, "ca")
        run(ca, "init", "--dir", d, "--domain", "bench.example")
        run(ca, "issue", "--dir", d, "--node", "--principal", "bench", "--out", os.path.join(folder, "node"))
        run(ca, "issue", "--dir", d, "--out", os.path.join(folder, "user"), "user@bench.example")
        pem = lambda who, what: os.path.join(folder, f"{who}.{what}.pem")
        self.set = pem("user", "cert")
        http, udp, admin = free_port(), free_port(), free_port()
        config = os.path.join(folder, "peerpostd.yaml")
        with open(config, "w") as f:
            f.write(f"""network: {{name: bench, k: 1}}
node:
  listen: 127.0.0.1
  udp: {udp}
  http: {http}
  key: {pem('node', 'key')}
  certificate: {pem('node', 'cert')}
  state: {folder}/state
substrate: {{plugin: chord}}
store:
  plugin: lmdb
  lmdb: {{capacity: 8GiB}}
trust: {{ca: {d}/ca.cert.pem}}
http: {{tls: {str(tls).lower()}}}
admin: {{listen: "127.0.0.1:{admin}"}}
limits:
  exempt: ["127.0.0.0/8"]
  inbox_entries: 100000000
  inbox_octets: 64GiB
log: {{level: warn}}
""")
        self.store = os.path.join(folder, "state", "store")
        checked = subprocess.run([os.path.join(build, "bin", "peerpostd"), "--config", config, "--check-config"],
                                 capture_output=True, text=True)
        if checked.returncode:
            raise SystemExit(checked.stdout + checked.stderr)
        self.log = open(os.path.join(folder, "log"), "wb")
        super().__init__([os.path.join(build, "bin", "peerpostd"), "--config", config], "127.0.0.1",
                         http, log=self.log)


    def fresh(self):
        """Anew with an empty store, as the raw peer begins with an empty map."""
        self.stop()
        shutil.rmtree(self.store)
        self.start()
        return self


class Nginx(Server):
    def __init__(self, folder, cert=None, key=None):
        port = free_port()
        os.makedirs(os.path.join(folder, "www", "put"), exist_ok=True)
        tls = (f"ssl_certificate {cert}; ssl_certificate_key {key}; ssl_protocols TLSv1.3;"
               if cert else "")
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w") as f:
            f.write(f"""daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
{'user root;' if os.geteuid() == 0 else ''}
events {{ worker_connections 8192; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; keepalive_timeout 600;
  open_file_cache max=100; client_max_body_size 100m; client_body_temp_path {folder}/tmp;
  proxy_temp_path {folder}/t1; fastcgi_temp_path {folder}/t2; uwsgi_temp_path {folder}/t3; scgi_temp_path {folder}/t4;
  server {{ listen 127.0.0.1:{port} {'ssl' if cert else ''}; {tls} root {folder}/www;
    location /put/ {{ dav_methods PUT DELETE; }} }} }}
""")
        os.makedirs(os.path.join(folder, "www"), exist_ok=True)
        super().__init__(["nginx", "-c", path, "-p", folder], "127.0.0.1", port)


class H2o(Server):
    def __init__(self, folder):
        port = free_port()
        path = os.path.join(folder, "h2o.conf")
        with open(path, "w") as f:
            f.write(f"""listen: {{host: 127.0.0.1, port: {port}}}
{'user: root' if os.geteuid() == 0 else ''}
num-threads: 1
max-connections: 8192
http1-request-timeout: 600
hosts: {{default: {{paths: {{/: {{file.dir: {folder}/www}}}}}}}}
""")
        super().__init__(["h2o", "-c", path], "127.0.0.1", port)


def wrk(url, connections, seconds, script=None, args=()):
    argv = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    if script:
        argv += ["-s", script]
    argv += [url]
    if args:
        argv += ["--", *args]
    out = subprocess.run(argv, capture_output=True, text=True)
    if out.stderr.strip():
        print("   " + out.stderr.strip().splitlines()[0], file=sys.stderr)
    text = out.stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if bad and int(bad.group(1)):
        print(f"   {bad.group(1)} answers were no 2xx: {url}", file=sys.stderr)
    return rate


def spread(values):
    return f"{statistics.median(values):12.0f} ({min(values):.0f}..{max(values):.0f})"


def pair(name, ours, peer, peer_name, goal, rounds, results, lower_is_better=False):
    a, b = [], []
    for _ in range(rounds):
        a.append(ours())
        b.append(peer())
    ratio = statistics.median(a) / statistics.median(b)
    good = ratio <= goal if lower_is_better else ratio >= goal
    print(f"{name:34} ours {spread(a)}  {peer_name} {spread(b)}  ratio {ratio:.2f}  goal "
          f"{'<=' if lower_is_better else '>='} {goal}  {'met' if good else 'MISSED'}", flush=True)
    results.append({"name": name, "ours": a, "peer": b, "peer_name": peer_name, "ratio": ratio,
                    "goal": goal, "met": good})


def ask(server, context):
    s = socket.create_connection((server.address, server.port))
    if context:
        s = context.wrap_socket(s, server_hostname="bench")
    s.sendall(b"GET /idle@peerpost.invalid HTTP/1.1\r\nHost: bench\r\n\r\n")
    s.recv(65536)
    return s


def idle(server, context=None, count=1000):
    """Octets of PSS a kept idle connection that served one request costs a server just started."""
    kept = []
    ask(server, context).close()
    before = server.pss()
    for _ in range(count):
        kept.append(ask(server, context))
    grown = server.pss() - before
    for s in kept:
        s.close()
    return max(grown, 1) * 1024 / count


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default=os.path.join(HERE, "..", "build", "release"))
    p.add_argument("--seconds", type=int, default=3)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--only", default="", help="run the rows whose name contains this word")
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    results = []
    print("limits.exempt: 127.0.0.0/8 and raised inbox bounds, for the load alone", flush=True)
    with tempfile.TemporaryDirectory(prefix="peerpost-bench-", dir=os.environ.get("TMPDIR", "/var/tmp")) as top:
        os.chmod(top, 0o755)
        folders = {}
        for name in ("plain", "tls", "nginx", "nginxtls", "h2o"):
            folders[name] = os.path.join(top, name)
            os.makedirs(os.path.join(folders[name], "www"))
            with open(os.path.join(folders[name], "www", "object"), "wb") as f:
                f.write(os.urandom(4096))
        bench(a, folders, results)
    if a.json:
        print(json.dumps(results))
    return 0


def put_object(node, identifier, octets):
    body = (b"--b\r\nContent-Disposition: form-data; name=\"certificates\"\r\n\r\n" + open(node.set, "rb").read()
            + b"\r\n--b\r\nContent-Disposition: form-data; name=\"object\"\r\n\r\n" + octets + b"\r\n--b--\r\n")
    c = http.client.HTTPConnection(node.address, node.port)
    c.request("PUT", "/" + identifier, body, {"Content-Type": "multipart/form-data; boundary=b"})
    r = c.getresponse()
    if r.status != 201:
        raise SystemExit(f"store answered {r.status}: {r.read()[:300]}")


def put_object_tls(node, identifier, octets, context):
    body = (b"--b\r\nContent-Disposition: form-data; name=\"certificates\"\r\n\r\n" + open(node.set, "rb").read()
            + b"\r\n--b\r\nContent-Disposition: form-data; name=\"object\"\r\n\r\n" + octets + b"\r\n--b--\r\n")
    c = http.client.HTTPSConnection(node.address, node.port, context=context)
    c.request("PUT", "/" + identifier, body, {"Content-Type": "multipart/form-data; boundary=b"})
    if c.getresponse().status != 201:
        raise SystemExit("store over TLS failed")


def bench(a, folders, results):
    wanted = lambda name: a.only in name
    store_lua = os.path.join(HERE, "store.lua")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    servers = []

    def start(s):
        servers.append(s)
        return s

    try:
        node = start(Peerpostd(a.build, folders["plain"], tls=False))
        nginx = start(Nginx(folders["nginx"]))
        h2o = start(H2o(folders["h2o"])) if shutil.which("h2o") else None
        url = lambda s, path, scheme="http": f"{scheme}://{s.address}:{s.port}/{path}"
        put_object(node, "object@peerpost.invalid", os.urandom(4096))
        for c in (16, 256):
            name = f"fetch 4 KiB, {c} connections"
            if wanted(name):
                peers = [("nginx", nginx)] + ([("h2o", h2o)] if h2o else [])
                for peer_name, peer in peers:
                    pair(name, lambda: wrk(url(node, "object@peerpost.invalid"), c, a.seconds),
                         lambda: wrk(url(peer, "object"), c, a.seconds), peer_name, 1.0, a.rounds, results)
        if wanted("fetch TLS") or wanted("idle TLS"):
            secure = start(Peerpostd(a.build, folders["tls"], tls=True))
            cert = [os.path.join(folders["tls"], f"node.{w}.pem") for w in ("cert", "key")]
            nginx_tls = start(Nginx(folders["nginxtls"], *cert))
            put_object_tls(secure, "object@peerpost.invalid", os.urandom(4096), context)
            for c in (16, 256):
                if wanted("fetch TLS"):
                    pair(f"fetch TLS 1.3 4 KiB, {c} connections",
                         lambda: wrk(url(secure, "object@peerpost.invalid", "https"), c, a.seconds),
                         lambda: wrk(url(nginx_tls, "object", "https"), c, a.seconds), "nginx", 1.0, a.rounds,
                         results)
            if wanted("idle TLS"):
                pair("idle TLS connection, octets", lambda: idle(secure.again(), context),
                     lambda: idle(nginx_tls.again(), context), "nginx", 1.0, 3, results, True)
        if wanted("idle plain"):
            pair("idle plain connection, octets", lambda: idle(node.again()), lambda: idle(nginx.again()),
                 "nginx", 1.0, 3, results, True)
        raw = os.path.join(a.build, "bin", "bench_lmdb")
        lmdb = lambda size, batch: float(
            run("taskset", "-c", "0", raw, "--size", str(size), "--batch", str(batch), "--seconds", str(a.seconds),
                "--dir", folders["nginx"]).stdout.split()[-1])
        for c, batch, goal in ((1, 1, 0.8), (16, 16, 0.6), (256, 64, 0.8)):
            name = f"store 4 KiB durable, {c} connections"
            if wanted(name):
                put = lambda: wrk(url(node.fresh(), ""), c, a.seconds, store_lua, ("peerpost", "4096", node.set))
                pair(name, put, lambda: lmdb(4096, batch), f"LMDB {batch} a commit", goal, a.rounds, results)
                if c > 1:
                    pair(name, put, lambda: wrk(url(nginx, ""), c, a.seconds, store_lua, ("dav", "4096", "-")),
                         "nginx PUT, no sync", {16: 2.5, 256: 4}[c], a.rounds, results)
        for c, batch, goal in ((16, 16, 0.7), (256, 64, 0.85)):
            name = f"append 1 KiB durable, {c} connections"
            if wanted(name):
                many = lambda: wrk(url(node.fresh(), ""), c, a.seconds, store_lua,
                                   ("append", "1024", "-", "user%d@bench.example"))
                pair(name, many, lambda: lmdb(1024, batch), f"LMDB {batch} a commit", goal, a.rounds, results)
                pair(name + ", one inbox", lambda: wrk(url(node.fresh(), ""), c, a.seconds, store_lua,
                                                       ("append", "1024", "-", "one@bench.example")),
                     many, "many inboxes", 0.9, a.rounds, results)
    finally:
        for s in servers:
            s.stop()


if __name__ == "__main__":
    sys.exit(main())
