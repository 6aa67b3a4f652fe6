#!/usr/bin/env python3
"""The overlay's ratios, each measured in one run: look-ups against UDP echo, upkeep, recovery, memory.

Real networks of peerpost-lab with shipped defaults; limits.exempt alone is set for the load. OpenDHT
(dhtnode, when installed) is printed beside, 32 nodes in a network namespace of their own, where the
kernel counts its datagrams.

  bench/overlay.py [--build DIR] [--substrate NAME] [--rounds N] [--seconds S] [--idle S] [--rest S] [--only WORD]
                   [--json]

Rows: answered, latency, upkeep, memory, recovery. Build the release preset first.
"""
import argparse, http.client, json, os, random, re, shutil, ssl, statistics, subprocess, sys, tempfile
import threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
NODES = 32
DEAD = NODES // 4
RING = 1 << 160


def run(*argv, **kw):
    done = subprocess.run(argv, capture_output=True, text=True, **kw)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def pss(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            total += int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))
    return total * 1024


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Lab:
    def __init__(self, a, nodes):
        self.program = os.path.join(a.build, "bin", "peerpost-lab")
        self.dir = tempfile.mkdtemp(prefix="peerpost-bench-", dir=os.environ.get("TMPDIR", "/var/tmp"))
        try:
            self.lab("up", "--nodes", str(nodes), "--substrate", a.substrate, "--store", "lmdb", "--k", str(a.k))
        except SystemExit:
            self.end()
            raise

    def lab(self, command, *argv):
        env = dict(os.environ, PEERPOST_LAB_EXEMPT="127.0.0.0/8")
        return run(self.program, command, "--dir", self.dir, *argv, env=env)

    def nodes(self):
        return [n for n in json.loads(self.lab("status", "--json")) if n["pid"]]

    def end(self):
        subprocess.run([self.program, "down", "--dir", self.dir], capture_output=True)
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


class Echo:
    """UDP echo on the first processor."""

    def __init__(self, a):
        self.program = os.path.join(a.build, "bin", "bench_udp")
        self.port = str(random.randrange(20000, 30000))
        self.process = subprocess.Popen(["taskset", "-c", "0", self.program, "echo", "127.0.0.1", self.port])
        time.sleep(0.2)

    def rate(self, seconds):
        """Datagrams echoed a second of the echo's own processor time."""
        before = cpu_seconds(self.process.pid)
        rate = float(run("taskset", "-c", "1", self.program, "load", "127.0.0.1", self.port, str(seconds)))
        return rate * seconds / max(cpu_seconds(self.process.pid) - before, 0.01)

    def micros(self):
        return float(run("taskset", "-c", "1", self.program, "rtt", "127.0.0.1", self.port, "5000"))

    def end(self):
        self.process.kill()
        self.process.wait()


def look_up(a, contact, seconds, window, pid=None):
    """bench_lookup's figures, and the processor seconds that `pid` took meanwhile."""
    argv = ["taskset", "-c", "1", os.path.join(a.build, "bin", "bench_lookup"), a.substrate, "lab", str(a.k),
            contact, str(seconds), str(window)]
    p = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    cpu = 0
    for line in p.stderr:
        if line == "go\n":
            cpu = -cpu_seconds(pid) if pid else 0
        elif line == "stop\n":
            cpu += cpu_seconds(pid) if pid else 0
            break
        else:
            sys.stderr.write(line)
    out, err = p.communicate()
    if p.returncode:
        raise SystemExit(f"{' '.join(argv)}: exit {p.returncode}\n{err}")
    found = json.loads(out)
    if found["failed"]:
        print(f"   {found['failed']} of {found['answered']} look-ups failed", file=sys.stderr)
    return found, cpu


def spread(values):
    return f"{statistics.median(values):.4g} ({min(values):.4g}..{max(values):.4g})"


def row(results, name, ours, peer, peer_name, goal, lower=True):
    ratio = statistics.median(ours) / statistics.median(peer)
    met = ratio <= goal if lower else ratio >= goal
    print(f"{name:44} ours {spread(ours)}  {peer_name} {spread(peer)}  ratio {ratio:.3f}  goal "
          f"{'<=' if lower else '>='} {goal}  {'met' if met else 'MISSED'}", flush=True)
    results.append({"name": name, "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ratio, "goal": goal,
                    "met": met})


def plain(results, name, value, goal, beside=""):
    """A goal in its own unit; a goal of None is printed for comparison alone."""
    met = goal is None or value <= goal
    tail = f"goal <= {goal}  {'met' if met else 'MISSED'}" if goal is not None else "no goal"
    print(f"{name:44} ours {value:.4g}  {beside}{tail}", flush=True)
    results.append({"name": name, "ours": [value], "goal": goal, "met": met})


def bench_answered(a, results):
    ours, peer = [], []
    echo = Echo(a)
    try:
        with Lab(a, 1) as lab:
            node = lab.nodes()[0]
            run("taskset", "-a", "-cp", "0", str(node["pid"]))
            for _ in range(a.rounds):
                found, cpu = look_up(a, node["udp"], a.seconds, 64, node["pid"])
                ours.append(found["answered"] * found["messages"] / max(cpu, 0.01))
                peer.append(echo.rate(a.seconds))
    finally:
        echo.end()
    row(results, "look-up requests answered /s of processor", ours, peer, "UDP echo", 0.2, lower=False)


def bench_latency(a, results, lab):
    ours, peer = [], []
    echo = Echo(a)
    try:
        nodes = lab.nodes()
        for i in range(a.rounds):
            found, _ = look_up(a, nodes[i % len(nodes)]["udp"], a.seconds, 1)
            ours.append(found["micros"])
            peer.append(echo.micros())
        print(f"   a look-up: {found['messages']:.1f} messages, {found['hops']:.2f} hops, 99% in "
              f"{found['micros_99']:.0f} us", flush=True)
    finally:
        echo.end()
    row(results, f"look-up latency, {NODES} nodes, us", ours, peer, "UDP RTT", 2.5)


def metrics(node):
    address, port = node["admin"].rsplit(":", 1)
    c = http.client.HTTPConnection(address, int(port), timeout=30)
    c.request("GET", "/metrics")
    text = c.getresponse().read().decode()
    c.close()
    return [int(re.search(rf"^peerpost_{name} (\d+)", text, re.M).group(1))
            for name in ("datagrams_sent_total", "datagrams_sent_bytes_total")]


def bench_upkeep(a, results, lab, dht):
    nodes = lab.nodes()
    before, start = [metrics(n) for n in nodes], time.monotonic()
    time.sleep(a.idle)
    after, took = [metrics(n) for n in nodes], time.monotonic() - start
    sent = [sum(y[i] - x[i] for x, y in zip(before, after)) / took / len(nodes) for i in (0, 1)]
    beside = (lambda key: f"OpenDHT {dht[key]:.4g}  ") if dht else (lambda key: "")
    plain(results, f"datagrams an idle node of {NODES} sends a second", sent[0], 3, beside("datagrams"))
    plain(results, "octets, envelope included", sent[1], 500, beside("octets"))


def bench_memory(results, lab, dht):
    ours = pss([n["pid"] for n in lab.nodes()]) / NODES
    name = f"idle memory of a node, PSS of {NODES}, MiB"
    if dht:
        row(results, name, [ours / 2**20], [dht["pss"] / 2**20], "dhtnode", 3)
    else:
        plain(results, name, ours / 2**20, None)


METRICS = {
    "chord": lambda node, key: (node - key) % RING,
    "kademlia": lambda node, key: node ^ key,
    "tapestry": lambda node, key: [((node >> bit) - (key >> bit)) % 16 for bit in range(156, -1, -4)],
    "pastry": lambda node, key: (min((node - key) % RING, (key - node) % RING), node),
}


class Asker(threading.Thread):
    """Asks one survivor for random keys, one after the other, over a kept connection."""

    def __init__(self, a, node, living, stop):
        super().__init__(daemon=True)
        self.a, self.node, self.living, self.stop = a, node, living, stop
        self.asked, self.bad, self.last_bad, self.first = 0, 0, 0.0, ""
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.connection = None

    def ask(self, key):
        address, port = self.node["http"].rsplit(":", 1)
        try:
            if not self.connection:
                self.connection = http.client.HTTPSConnection(address, int(port), context=self.context, timeout=40)
            self.connection.request("GET", f"/.well-known/peerpost/lookup?key={key:040x}&k={self.a.k}")
            answer = self.connection.getresponse()
            text = answer.read()
            return [int(p["id"], 16) for p in json.loads(text)] if answer.status == 200 else answer.status
        except (OSError, http.client.HTTPException) as e:
            self.connection = None
            return repr(e)

    def run(self):
        rank = METRICS.get(self.a.substrate)
        while not self.stop.is_set():
            key, asked_at = random.getrandbits(160), time.monotonic()
            found = self.ask(key)
            if rank:
                good = found == sorted(self.living, key=lambda node: rank(node, key))[:self.a.k]
            else:  # the metric needs zones or tables: then only that all named are alive, and enough
                good = isinstance(found, list) and len(found) == self.a.k and set(found) <= self.living
            self.asked += 1
            if not good:
                self.bad, self.last_bad = self.bad + 1, asked_at
                self.first = self.first or f"{key:040x}: {found}"
            self.stop.wait(0.2)


def bench_recovery(a, results, lab):
    nodes = lab.nodes()
    victims = random.Random(1).sample(nodes, DEAD)
    survivors = [n for n in nodes if n not in victims]
    living, stop = {int(n["id"], 16) for n in survivors}, threading.Event()
    death = time.monotonic()
    lab.lab("kill", *[str(n["node"]) for n in victims])
    askers = [Asker(a, n, living, stop) for n in survivors]
    for one in askers:
        one.start()
    while time.monotonic() - death < 300:  # until 30 seconds without a wrong answer
        time.sleep(1)
        if time.monotonic() - max([death] + [one.last_bad for one in askers]) > 30:
            break
    stop.set()
    for one in askers:
        one.join(60)
    last = max(one.last_bad for one in askers)
    asked, bad = sum(one.asked for one in askers), sum(one.bad for one in askers)
    print(f"   {asked} look-ups at {len(survivors)} survivors, {bad} not exact"
          f"{'' if a.substrate in METRICS else ' (checked: k of the living)'}", flush=True)
    plain(results, f"seconds until exact, {DEAD} of {NODES} killed", max(0.0, last - death) if last else 0.0, 45)


def udp_sent():
    """Datagrams and octets that left sockets of this network namespace, IP headers taken off."""
    with open("/proc/net/snmp") as f:
        lines = [line.split() for line in f if line.startswith("Udp:")]
    datagrams = int(dict(zip(*lines))["OutDatagrams"])
    with open("/proc/net/netstat") as f:
        lines = [line.split() for line in f if line.startswith("IpExt:")]
    return datagrams, int(dict(zip(*lines))["OutOctets"]) - 28 * datagrams


def dht_inside(idle):
    """Runs in a network namespace of its own: 32 dhtnodes, their datagrams and memory."""
    run("ip", "link", "set", "lo", "up")
    nodes, folder = [], tempfile.mkdtemp(prefix="dhtnode-")
    try:
        for i in range(NODES):
            contact = [] if i == 0 else ["-b", f"127.0.0.1:{5000 + random.randrange(i)}"]
            nodes.append(subprocess.Popen(["dhtnode", "-s", "-p", str(5000 + i), *contact], cwd=folder,
                                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                          stderr=subprocess.DEVNULL))
            time.sleep(0.1)
        time.sleep(30)
        before, start = udp_sent(), time.monotonic()
        time.sleep(idle)
        after, took = udp_sent(), time.monotonic() - start
        ended = [n.returncode for n in nodes if n.poll() is not None]
        if ended:
            raise SystemExit(f"{len(ended)} dhtnodes ended by themselves, status {ended[0]}")
        print(json.dumps({"datagrams": (after[0] - before[0]) / took / NODES,
                          "octets": (after[1] - before[1]) / took / NODES,
                          "pss": pss([n.pid for n in nodes]) / NODES}))
    finally:
        for n in nodes:
            n.kill()
        for n in nodes:
            n.wait()
        shutil.rmtree(folder, ignore_errors=True)


def measure_dht(a):
    if not shutil.which("dhtnode") or os.geteuid() != 0:
        print("   OpenDHT is not printed beside: dhtnode is not installed, or this is not root", flush=True)
        return None
    done = subprocess.run(["unshare", "-n", sys.executable, os.path.abspath(__file__), "--dht-inside", str(a.idle)],
                          capture_output=True, text=True)
    if done.returncode:
        print(f"   OpenDHT is not printed beside: {done.stderr.strip() or done.returncode}", flush=True)
        return None
    return json.loads(done.stdout)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default=os.path.join(HERE, "..", "build", "release"))
    p.add_argument("--substrate", default="chord")
    p.add_argument("--k", type=int, default=5)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=int, default=3)
    p.add_argument("--idle", type=int, default=60, help="seconds over which upkeep is counted")
    p.add_argument("--rest", type=int, default=30, help="seconds of quiet after the joins before upkeep is counted")
    p.add_argument("--only", default="", help="run the rows whose name contains this word")
    p.add_argument("--json", action="store_true")
    p.add_argument("--dht-inside", type=int, help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.dht_inside:
        dht_inside(a.dht_inside)
        return 0
    os.environ.setdefault("PEERPOST_PLUGINS", os.path.join(a.build, "plugins"))
    wanted, results = lambda name: a.only in name, []
    if wanted("answered"):
        bench_answered(a, results)
    if any(wanted(name) for name in ("latency", "upkeep", "memory", "recovery")):
        dht = measure_dht(a) if wanted("upkeep") or wanted("memory") else None
        with Lab(a, NODES) as lab:
            time.sleep(a.rest if wanted("upkeep") or wanted("recovery") else 5)  # joins are over, tables are whole
            if wanted("upkeep"):
                bench_upkeep(a, results, lab, dht)
            if wanted("memory"):
                bench_memory(results, lab, dht)
            if wanted("latency"):
                bench_latency(a, results, lab)
            if wanted("recovery"):
                bench_recovery(a, results, lab)
    if a.json:
        print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
