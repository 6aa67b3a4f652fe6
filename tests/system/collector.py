#!/usr/bin/env python3
"""The garbage collector on a full store of 64 MiB in a network that grows from 2 nodes to 8: what is
due and within its life is never removed, what is past its life or due elsewhere goes by its rule,
requests are answered while it works, and 507 comes only when all that is held is due."""
import hashlib, http.client, json, os, re, subprocess, threading, time, urllib.parse
from concurrent.futures import ThreadPoolExecutor

from labkit import STORE, Lab, check, connect, multipart

USER = "keeper@store.example"
CAPACITY = 64 << 20
SMALL, BIG, SHORT = 3000, 250000, 24
OPTIONS = [f"store.{STORE}.capacity=64MiB", "collector.grace=1s", "collector.period=1h"]


class Store:
    """Node 0, and what a test stored there: identifier -> octets."""

    def __init__(self, lab):
        self.lab, self.node, self.stored, self.local = lab, lab.status()[0], {}, threading.local()
        folder = os.path.join(lab.dir, "users", USER)
        found = subprocess.run(["find", folder, "-name", "*cert*.pem"], capture_output=True, text=True).stdout.split()
        self.certificates = open(found[0], "rb").read()

    def ask(self, method, path, body=None, fields=None):
        """On a connection of this thread's own, kept."""
        for attempt in (0, 1):
            if not getattr(self.local, "connection", None):
                self.local.connection = connect(self.node, timeout=120)
            try:
                self.local.connection.request(method, path, body, fields or {})
                answer = self.local.connection.getresponse()
                return answer.status, answer.read()
            except (http.client.HTTPException, ConnectionError):
                self.local.connection = None
                if attempt:
                    raise

    def put(self, name, octets, life=None):
        body, fields = multipart(self.certificates, octets)
        status, text = self.ask("PUT", "/" + name, body, dict(fields, **({"Peerpost-Life": str(life)} if life else {})))
        if status == 201 and not life:
            self.stored[name] = hashlib.sha256(octets).digest()
        return status, text

    def get(self, name):
        return self.ask("GET", "/" + urllib.parse.quote(name, safe="@"))

    def holders(self, name, k):
        key = hashlib.sha256(name.encode()).hexdigest()[:40]
        status, text = self.ask("GET", f"/.well-known/peerpost/lookup?key={key}&k={k}")
        check(status == 200, f"look-up: {status} {text[:200]}")
        return [peer["id"] for peer in json.loads(text)]

    def is_due(self, name):
        return self.node["id"] in self.holders(name, 2)

    def admin(self, path, method="GET"):
        if not getattr(self.local, "admin", None):
            address, port = self.node["admin"].rsplit(":", 1)
            self.local.admin = http.client.HTTPConnection(address, int(port), timeout=60)
        self.local.admin.request(method, path)
        return self.local.admin.getresponse().read()

    def counts(self):
        return json.loads(self.admin("/status"))["collector"]

    def metric(self, name):
        return int(re.search(rf"^peerpost_{re.escape(name)} (\d+)$", self.admin("/metrics").decode(), re.M).group(1))

    def log(self):
        with open(os.path.join(self.lab.dir, "nodes", "0", "node.log"), errors="replace") as f:
            return f.read()

    def held(self, names):
        """Which of them are there, each octet for octet. Asking is an access: for what is to stay."""
        found = set()
        for name in names:
            status, octets = self.get(name)
            check(status in (200, 404), f"{name}: {status} {octets[:200]}")
            if status == 200:
                check(hashlib.sha256(octets).digest() == self.stored[name], f"{name} has other octets")
                found.add(name)
        return found

    def listed(self):
        """{hash: due} of the objects held; no access."""
        return {h["hash"]: h["due"] for h in json.loads(self.admin("/holdings")) if h["kind"] == "object"}


def hash_of(name):
    return hashlib.sha256(name.encode()).hexdigest()


def fill(store, tag, octets):
    """Stores until 507; the reason."""
    for n in range(2000):
        status, text = store.put(f"{tag}{n}@peerpost.invalid", os.urandom(octets))
        if status == 507:
            return text
        check(status == 201, f"store {tag}{n}: {status} {text[:300]}")
    check(False, "2,000 objects fitted: the capacity is not kept")


def all_due(store):
    """Two nodes, k = 2: everything is due. Past its life is what alone may go."""
    for n in range(SHORT):
        status, text = store.put(f"short{n}@peerpost.invalid", os.urandom(BIG), life=2)
        check(status == 201, f"a store with a short life: {status} {text[:300]}")
    born = time.time()
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda n: store.put(f"small{n}@peerpost.invalid", os.urandom(3000))[0], range(SMALL)))
    check(set(results) == {201}, f"stores of small objects: {sorted(set(results))}")
    time.sleep(max(0, born + 3 - time.time()))  # a life is a matter of the clock
    reason = fill(store, "big", BIG)
    check(b"problem" in reason or b"full" in reason, f"507 without a reason: {reason[:200]}")
    counts = store.counts()
    check(counts["foreign"] == counts["pressure"] == 0, f"a network where all is due lost objects: {counts}")
    check(counts["expired"] == SHORT, f"{counts['expired']} of {SHORT} past their life went for the request in need")
    check(len(store.held(store.stored)) == len(store.stored), "a due object is gone")
    check("for a request that did not fit" in store.log(), "the log does not tell of the run on demand")
    print(f"{len(store.stored)} objects, all due: 507; {SHORT} past their life made room before", flush=True)


def serve_meanwhile(store, names, stop, failures, served):
    """Reads what is due, again and again, until told to stop."""
    while not stop.is_set():
        for name in names:
            status, octets = store.get(name)
            if status != 200 or hashlib.sha256(octets).digest() != store.stored[name]:
                failures.append(f"{name}: {status} during the run")
            served.append(name)
            if stop.is_set():
                return


def run_watched(store, gone):
    """Starts a run and asks for the counts until it ended: the values seen on the way."""
    before, seen = store.counts()["foreign"], []
    lines = len(re.findall(r"collected \d+ objects", store.log()))
    store.admin("/collect", "POST")
    end = time.monotonic() + 120
    while len(re.findall(r"collected \d+ objects", store.log())) == lines:
        seen.append(store.counts()["foreign"] - before)
        check(time.monotonic() < end, f"the run does not end; counts {seen[-3:]}, {gone} were to go")
    return seen, store.counts()["foreign"] - before


def network_grows(store):
    """Six more nodes: three quarters of what node 0 holds are due elsewhere now."""
    store.lab.lab("add", "--dir", store.lab.dir, "--nodes", "6")
    store.lab.wait(120)
    due = {name for name in store.stored if store.is_due(name)}
    check(len(due) < len(store.stored) // 2, f"{len(due)} of {len(store.stored)} are due on one node of 8 with k = 2")
    readable, stop, failures, served = sorted(due)[:200], threading.Event(), [], []
    threads = [threading.Thread(target=serve_meanwhile, args=(store, readable, stop, failures, served)) for _ in range(2)]
    for t in threads:
        t.start()
    time.sleep(1.2)  # the grace of 1 s is over for what nobody reads
    began, held = len(served), set(store.listed())
    seen, gone = run_watched(store, len(store.stored) - len(due))
    answered = len(served) - began
    stop.set()
    for t in threads:
        t.join()
    check(not failures, "; ".join(failures[:5]))
    check(answered > 0, "no read was answered during the run")
    between = [n for n in seen if 0 < n < gone]
    check(between, f"no request was answered between the first and the last of {gone} removals: {seen[:10]}")
    listed = store.listed()
    lost = [name for name in due if hash_of(name) not in listed]
    check(not lost, f"{len(lost)} objects that are due and within their life were removed, {lost[:3]}")
    check(gone == len(held - set(listed)), f"{gone} counted, {len(held - set(listed))} are gone")
    return due, gone, answered, len(between)


def until_nothing_goes(store, due):
    """What the tables cannot tell is asked of the network, a bounded number a run."""
    for _ in range(200):
        before, runs = store.counts()["foreign"], store.counts()["runs"]
        store.admin("/collect", "POST")
        end = time.monotonic() + 60
        while store.counts()["runs"] == runs or store.counts()["foreign"] == before:
            listed = store.listed()
            left = [n for n in store.stored if n not in due and hash_of(n) in listed]
            if not left:
                return
            check(time.monotonic() < end, f"{len(left)} objects that are due elsewhere stay, such as {left[:3]}")
    check(False, "200 runs, and something that is not due is still held")


def growth(store):
    due, gone, answered, between = network_grows(store)
    until_nothing_goes(store, due)
    check(store.held(due) == due, "an object that is due and within its life is gone")
    check(store.metric('collected_total{rule="foreign"}') >= gone, "the metrics do not tell what went")
    check(store.metric('collected_total{rule="pressure"}') == 0, "the periodic run took what only pressure may take")
    check(store.metric("collected_bytes_total") > 0, "the metrics do not tell the octets")
    octets = [int(n) for n in re.findall(r"collected \d+ objects and tombstones of (\d+) octets", store.log())]
    check(sum(octets) > 0, "the log does not tell the octets")
    store.stored = {name: digest for name, digest in store.stored.items() if name in due}
    print(f"8 nodes: {gone} objects due elsewhere went in one run, {answered} reads and {between} looks at the counts "
          f"were answered meanwhile; {len(due)} that are due all stay", flush=True)


def names(store, due, tag):
    n = 0
    while True:
        n += 1
        name = f"{tag}{n}@peerpost.invalid"
        if store.is_due(name) == due:
            yield name


def pressure(store):
    """Full again, of things just stored that are due elsewhere: they make room for what is due here."""
    foreign, mine, octets = names(store, False, "foreign"), names(store, True, "mine"), 2 << 20
    kept = set(store.stored)
    for _ in range(CAPACITY // octets):
        status, text = store.put(next(foreign), os.urandom(octets))
        check(status in (201, 507), f"a store of what is due elsewhere: {status} {text[:200]}")
    before = store.counts()
    for n in range(CAPACITY // octets + 1):
        name = next(mine)
        status, text = store.put(name, os.urandom(octets))
        if status == 507:
            break
        check(status == 201, f"store {n} of what is due here: {status} {text[:300]}")
        kept.add(name)
    check(status == 507, "more than the capacity is due here, and all of it was taken")
    after = store.counts()
    taken = after["pressure"] + after["foreign"] - before["pressure"] - before["foreign"]
    check(after["pressure"] + after["foreign"] > 0 and taken > 0, f"no room was made on demand: {before} {after}")
    check(not [h for h, due in store.listed().items() if due == "no"], "507, and what is due elsewhere is still held")
    check(store.held(kept) == kept, "an object that is due and within its life was removed for a request")
    print(f"on demand: {taken} due elsewhere made room, then 507; {len(kept)} that are due all stay", flush=True)


def main():
    options = [part for o in OPTIONS for part in ("--node-option", o)]
    with Lab(nodes=2, k=2, users=[USER], env={"PEERPOST_LAB_EXEMPT": "127.0.0.0/8"}, options=options) as lab:
        store = Store(lab)
        all_due(store)
        growth(store)
        pressure(store)


if __name__ == "__main__":
    main()
