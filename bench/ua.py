#!/usr/bin/env python3
"""The user agent's ratios, each measured in one run, ours and the peer's alternated:

  send   one `peerpost send` to its exit (k = 5, 16 nodes, certificates cached, ten copies durable) against a durable
         delivery of Postfix; 50 recipients against one
  fetch  1,000 messages of 4 KiB to the process's exit, deleted everywhere, against mpop from Dovecot
  memory peak RSS of that fetch, and of one message of 64 MiB, sent and fetched
  rate   1,000 messages at 50 a second from three senders to one reader (tests/system/thousand.py)

The network is peerpost-lab's with shipped defaults, every node and agent on this machine; limits.exempt alone is set
for the load. Postfix and Dovecot run from folders of their own on 127.0.0.1 and end with the run.

  bench/ua.py [--build DIR] [--rounds N] [--messages N] [--only WORD] [--json]

Needs: postfix dovecot-pop3d mpop, and root for them; build the release preset first."""
import argparse, json, os, pwd, re, shutil, signal, statistics, subprocess, sys, tempfile
import threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "system"))
import node

SENDERS = [f"s{n}@bench.example" for n in range(4)]
LINE = b"A line of a letter that says nothing, sixty octets of it ..\n"


def message(number, octets=4096):
    head = f"From: {SENDERS[0]}\nSubject: number {number}\n\n".encode()
    return head + LINE * ((octets - len(head)) // len(LINE))


def run_once(argv, *pieces):
    """(seconds, peak KiB, output) of one process, from its start to its end. What it reads is never whole in our own
    memory: the kernel counts ours as a peak of a process that we start."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        for piece, times in pieces:
            for _ in range(times):
                given.write(piece)
        given.seek(0)
        began = time.monotonic()
        p = subprocess.Popen(argv, stdin=given, stdout=said, stderr=said)
        _, status, used = os.wait4(p.pid, 0)
        took = time.monotonic() - began
        p.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="replace")
        if p.returncode:
            raise SystemExit(f"{' '.join(argv)}: exit {p.returncode}\n{text[-2000:]}")
        return took, used.ru_maxrss, text


class Daemon:
    """A server of others, from its own folder, ended by its own pid."""

    def __init__(self, argv, port):
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        node.wait_port("127.0.0.1", port, self.process)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def nobody(path):
    who = pwd.getpwnam("nobody")
    os.makedirs(path, exist_ok=True)
    os.chown(path, who.pw_uid, who.pw_gid)
    return who


class Postfix(Daemon):
    """smtpd, cleanup, qmgr and virtual into a Maildir: each message is synced in the queue and in the box."""

    def __init__(self, top):
        self.top, self.port, self.box = top, node.free_port(), os.path.join(top, "mail")
        conf, data = os.path.join(top, "conf"), os.path.join(top, "data")
        who = nobody(self.box)
        for path in (conf, data, os.path.join(top, "queue")):
            os.makedirs(path)
        shutil.chown(data, "postfix")
        with open(os.path.join(conf, "main.cf"), "w") as f:
            f.write(f"compatibility_level = 3.6\nqueue_directory = {top}/queue\ndata_directory = {data}\n"
                    "daemon_directory = /usr/lib/postfix/sbin\ncommand_directory = /usr/sbin\n"
                    "mail_owner = postfix\nsetgid_group = postdrop\ninet_interfaces = 127.0.0.1\n"
                    "inet_protocols = ipv4\nmyhostname = bench.example\nmydestination =\nalias_maps =\n"
                    f"virtual_mailbox_domains = bench.example\nvirtual_mailbox_base = {self.box}\n"
                    "virtual_mailbox_maps = static:box/\nvirtual_transport = virtual\nvirtual_minimum_uid = 1\n"
                    f"virtual_uid_maps = static:{who.pw_uid}\nvirtual_gid_maps = static:{who.pw_gid}\n"
                    "smtpd_relay_restrictions = permit_mynetworks, reject\nsmtpd_peername_lookup = no\n")
        services = [f"127.0.0.1:{self.port} inet n - n - - smtpd"]
        services += [f"{name} unix {'n' if name == 'cleanup' else '-'} {'n' if name == 'virtual' else '-'} n - {limit} {command}" for name, limit, command in (
            ("cleanup", 0, "cleanup"), ("rewrite", "-", "trivial-rewrite"), ("bounce", 0, "bounce"),
            ("defer", 0, "bounce"), ("trace", 0, "bounce"), ("error", "-", "error"), ("retry", "-", "error"),
            ("proxymap", "-", "proxymap"), ("anvil", 1, "anvil"), ("virtual", "-", "virtual"))]
        services += ["qmgr unix n - n 300 1 qmgr", "pickup unix n - n 60 1 pickup"]
        with open(os.path.join(conf, "master.cf"), "w") as f:
            f.write("\n".join(services) + "\n")
        super().__init__(["postfix", "-c", conf, "start-fg"], self.port)

    def end(self):
        with open(os.path.join(self.top, "queue", "pid", "master.pid")) as f:
            os.kill(int(f.read()), signal.SIGTERM)
        self.process.wait(20)

    def delivery(self, count):
        """Milliseconds a message, one after the other, until all lie in the box."""
        new = os.path.join(self.box, "box", "new")
        shutil.rmtree(os.path.join(self.box, "box"), ignore_errors=True)
        began = time.monotonic()
        subprocess.run(["smtp-source", "-s", "1", "-m", str(count), "-l", "4096", "-f", "a@bench.example", "-t",
                        "b@bench.example", f"127.0.0.1:{self.port}"], check=True, timeout=120)
        while not os.path.isdir(new) or len(os.listdir(new)) < count:
            if time.monotonic() - began > 120:
                raise SystemExit("Postfix does not deliver")
            time.sleep(0.001)
        return 1000 * (time.monotonic() - began) / count


class Dovecot(Daemon):
    def __init__(self, top):
        self.top, self.port = top, node.free_port()
        nobody(os.path.join(top, "mail"))
        conf = os.path.join(top, "dovecot.conf")
        with open(conf, "w") as f:
            f.write(f"base_dir = {top}/run\nlog_path = {top}/log\nprotocols = pop3\nlisten = 127.0.0.1\nssl = no\n"
                    f"disable_plaintext_auth = no\nfirst_valid_uid = 1\nmail_location = maildir:{top}/mail\n"
                    f"service pop3-login {{\n inet_listener pop3 {{\n port = {self.port}\n }}\n"
                    " inet_listener pop3s {\n port = 0\n }\n}\n"
                    "passdb {\n driver = static\n args = nopassword=y\n}\n"
                    f"userdb {{\n driver = static\n args = uid=nobody gid=nogroup home={top}/mail\n}}\n")
        super().__init__(["dovecot", "-F", "-c", conf], self.port)

    def fill(self, messages):
        who = nobody(os.path.join(self.top, "mail"))
        shutil.rmtree(os.path.join(self.top, "mail"))
        for sub in ("", "cur", "tmp", "new"):
            nobody(os.path.join(self.top, "mail", sub))
        for n in range(messages):
            path = os.path.join(self.top, "mail", "new", f"{n + 1}.bench")
            with open(path, "wb") as f:
                f.write(message(n))
            os.chown(path, who.pw_uid, who.pw_gid)

    def collect(self, messages):
        """Seconds that mpop takes, messages deleted on the server."""
        self.fill(messages)
        target, rc = os.path.join(self.top, "got"), os.path.join(self.top, "mpoprc")
        shutil.rmtree(target, ignore_errors=True)
        for sub in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(target, sub))
        with open(rc, "w") as f:
            f.write(f"account default\nhost 127.0.0.1\nport {self.port}\nauth user\nuser nobody\npassword x\ntls off\n"
                    f"keep off\nuidls_file {self.top}/uidls\ndelivery maildir {target}\n")
        os.chmod(rc, 0o600)
        took, _, said = run_once(["mpop", "-q", "-C", rc])
        if len(os.listdir(os.path.join(target, "new"))) != messages:
            raise SystemExit(f"mpop got {len(os.listdir(os.path.join(target, 'new')))} of {messages}\n{said}")
        return took


# --- ours ---------------------------------------------------------------------------------------

def send(lab, sender, recipients, text, more=0):
    """more: so many MiB of further lines."""
    lines = LINE * 128
    took, peak, said = run_once(lab.argv(sender, "send", "--wait", "--", *recipients), (text, 1),
                                (lines, (more << 20) // len(lines)))
    if "sent 5/5" not in said:
        raise SystemExit(f"not whole: {said}")
    return took, peak


def fetch(lab, reader, wanted):
    took, peak, said = run_once(lab.argv(reader, "fetch"))
    got = len(os.listdir(os.path.join(lab.maildir(reader), "new")))
    if got != wanted:
        raise SystemExit(f"{got} of {wanted} came\n{said[-1000:]}")
    return took, peak


def spread(values):
    return f"{statistics.median(values):.4g} ({min(values):.4g}..{max(values):.4g})"


def row(results, name, ours, peer, peer_name, goal, lower=True):
    ratio = statistics.median(ours) / statistics.median(peer)
    met = ratio <= goal if lower else ratio >= goal
    print(f"{name:44} ours {spread(ours)}  {peer_name} {spread(peer)}  ratio {ratio:.3g}  goal {'<=' if lower else '>='} "
          f"{goal}  {'met' if met else 'MISSED'}", flush=True)
    results.append({"name": name, "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ratio, "goal": goal,
                    "met": met})


def plain(results, name, values, goal, lower=True):
    worst = max(values) if lower else min(values)
    met = worst < goal if lower else worst >= goal
    print(f"{name:44} ours {spread(values)}  goal {'<' if lower else '>='} {goal}  {'met' if met else 'MISSED'}", flush=True)
    results.append({"name": name, "ours": values, "goal": goal, "met": met})


def bench_send(a, top, results, Lab):
    many = [f"r{n}@bench.example" for n in range(50)]
    one, fifty, peer = [], [], []
    postfix = Postfix(top)
    try:
        with Lab(nodes=16, k=5, users=[SENDERS[0]] + many) as lab:
            send(lab, SENDERS[0], many, message(0))  # certificates and sessions are cached
            for n in range(a.rounds):
                one.append(1000 * statistics.median(send(lab, SENDERS[0], many[:1], message(n))[0] for _ in range(10)))
                peer.append(postfix.delivery(200))
                fifty.append(1000 * statistics.median(send(lab, SENDERS[0], many, message(n))[0] for _ in range(3)))
    finally:
        postfix.end()
    row(results, "send to one, 10 copies, ms", one, peer, "Postfix delivery", 10)
    row(results, "send to 50, 255 copies, ms", fifty, one, "send to one", 6)


def fill(lab, readers, messages):
    """Each message to all readers: every one of them has the whole to fetch."""
    faults = []

    def share(first):
        try:
            for n in range(first, messages, len(SENDERS)):
                send(lab, SENDERS[first], readers, message(n))
        except SystemExit as fault:
            faults.append(fault)

    threads = [threading.Thread(target=share, args=(n,)) for n in range(len(SENDERS))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if faults:
        raise faults[0]


def bench_fetch(a, top, results, Lab):
    readers = [f"r{n}@bench.example" for n in range(a.rounds)]
    ours, peaks, peer = [], [], []
    dovecot = Dovecot(top)
    try:
        with Lab(nodes=16, k=5, users=SENDERS + readers) as lab:
            began = time.monotonic()
            fill(lab, readers, a.messages)
            print(f"   {a.messages} messages to {a.rounds} readers sent in {time.monotonic() - began:.0f} s", flush=True)
            for reader in readers:
                took, peak = fetch(lab, reader, a.messages)
                ours.append(took)
                peaks.append(peak / 1024)
                peer.append(dovecot.collect(a.messages))
    finally:
        dovecot.end()
    row(results, f"fetch of {a.messages} x 4 KiB, seconds", ours, peer, "mpop", 5)
    plain(results, f"peak RSS of it, MiB", peaks, 64)


def bench_memory(a, results, Lab):
    reader = "r0@bench.example"
    with Lab(nodes=5, k=5, users=[SENDERS[0], reader]) as lab:
        took, sending = send(lab, SENDERS[0], [reader], message(0), 62)
        took_back, fetching = fetch(lab, reader, 1)
    print(f"   64 MiB (62 and a CR for each line) sent in {took:.1f} s, fetched in {took_back:.1f} s", flush=True)
    plain(results, "peak RSS, 64 MiB sent, MiB", [sending / 1024], 128)
    plain(results, "peak RSS, 64 MiB fetched, MiB", [fetching / 1024], 128)


def bench_rate(a, results):
    said = node.run(sys.executable, os.path.join(HERE, "..", "tests", "system", "thousand.py"), str(a.messages))
    print("   " + said.stdout.strip(), flush=True)
    rate = float(re.search(r"([\d.]+) a second of", said.stdout).group(1))
    plain(results, f"{a.messages} messages, submitted a second", [rate], 49, lower=False)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default=os.path.join(HERE, "..", "build", "release"))
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--messages", type=int, default=1000)
    p.add_argument("--only", default="", help="run the rows whose name contains this word")
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    os.environ["PEERPOST_BIN"] = os.path.join(os.path.abspath(a.build), "bin")
    os.environ["PEERPOST_PLUGINS"] = os.path.join(os.path.abspath(a.build), "plugins")
    os.environ["PEERPOST_LAB_EXEMPT"] = "127.0.0.0/8"
    print("limits.exempt: 127.0.0.0/8, for the load alone", flush=True)
    from labkit import Lab
    wanted, results = lambda name: a.only in name, []
    with tempfile.TemporaryDirectory(prefix="peerpost-bench-", dir=os.environ.get("TMPDIR", "/var/tmp")) as top:
        os.chmod(top, 0o755)
        if wanted("send"):
            bench_send(a, os.path.join(top, "postfix"), results, Lab)
        if wanted("fetch"):
            bench_fetch(a, os.path.join(top, "dovecot"), results, Lab)
        if wanted("memory"):
            bench_memory(a, results, Lab)
        if wanted("rate"):
            bench_rate(a, results)
    if a.json:
        print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
