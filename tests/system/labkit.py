"""A lab network for the system tests: starts and ends it through peerpost-lab, runs user agents.

    with Lab(nodes=8, users=["alice@a.example"]) as lab:
        lab.agent("alice@a.example", "send", "-t", input=message)
"""
import hashlib, json, os, shutil, ssl, subprocess, sys, tempfile
import http.client, urllib.parse

SOURCE = os.environ.get("PEERPOST_SOURCE") or os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BIN = os.environ.get("PEERPOST_BIN") or os.path.join(SOURCE, "build", "dev", "bin")


class Failure(AssertionError):
    pass


def check(condition, text):
    if not condition:
        raise Failure(text)


def program(name):
    return os.path.join(BIN, name)


SUBSTRATE = os.environ.get("PEERPOST_SUBSTRATE", "chord")
STORE = os.environ.get("PEERPOST_STORE", "lmdb")


class Lab:
    def __init__(self, nodes=8, users=(), k=None, substrate=SUBSTRATE, store=STORE, env=None, options=()):
        self.dir = tempfile.mkdtemp(prefix="peerpost-test-", dir=os.environ.get("TMPDIR", "/var/tmp"))
        self.env = dict(os.environ, **(env or {}))
        argv = ["up", "--dir", self.dir, "--nodes", str(nodes), "--substrate", substrate, "--store", store]
        if users:
            argv += ["--users", ",".join(users)]
        if k:
            argv += ["--k", str(k)]
        argv += list(options)
        self.lab(*argv)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind and os.environ.get("KEEP_LAB"):
            print(f"lab kept in {self.dir}", file=sys.stderr)
            return
        if kind:
            for n in range(len(self.status())):
                self.tail(n)
        subprocess.run([program("peerpost-lab"), "down", "--dir", self.dir], capture_output=True)
        shutil.rmtree(self.dir, ignore_errors=True)

    def tail(self, n):
        for name in os.listdir(os.path.join(self.dir, "nodes", str(n))):
            if name.endswith("log"):
                with open(os.path.join(self.dir, "nodes", str(n), name), errors="replace") as f:
                    lines = f.readlines()[-5:]
                print(f"--- node {n} {name}\n" + "".join(lines), file=sys.stderr)

    def lab(self, *argv):
        done = subprocess.run([program("peerpost-lab"), *argv], capture_output=True, text=True, env=self.env)
        check(done.returncode == 0, f"peerpost-lab {' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def status(self):
        return json.loads(self.lab("status", "--dir", self.dir, "--json"))

    def kill(self, n):
        self.lab("kill", "--dir", self.dir, str(n))

    def restart(self, n):
        self.lab("restart", "--dir", self.dir, str(n))

    def wait(self, seconds=60):
        """Until the running nodes are one network."""
        self.lab("wait", "--dir", self.dir, "--timeout", str(seconds))

    def holders(self, identifier, k=5):
        """Numbers of the nodes that a look-up names for an identifier, nearest first."""
        key = hashlib.sha256(identifier.encode() if isinstance(identifier, str) else identifier).hexdigest()[:40]
        nodes = self.status()
        connection = connect(next(n for n in nodes if n["pid"]))
        connection.request("GET", f"/.well-known/peerpost/lookup?key={key}&k={k}")
        answer = connection.getresponse()
        text = answer.read()
        check(answer.status == 200, f"look-up: {answer.status} {text[:200]}")
        numbers = {n["id"]: n["node"] for n in nodes}
        return [numbers[peer["id"]] for peer in json.loads(text)]

    def objects(self):
        """{node: how many objects it holds}, of the running nodes, by their administrator's page."""
        found = {}
        for node in self.status():
            if node["pid"]:
                address, port = node["admin"].rsplit(":", 1)
                connection = http.client.HTTPConnection(address, int(port), timeout=30)
                connection.request("GET", "/status")
                found[node["node"]] = json.loads(connection.getresponse().read())["store"]["objects"]
        return found

    def has(self, number, identifier):
        """Does that node hold the object?"""
        connection = connect(self.status()[number])
        connection.request("GET", "/" + urllib.parse.quote(identifier, safe="@"))
        answer = connection.getresponse()
        answer.read()
        return answer.status == 200

    def argv(self, user, *argv):
        return [program("peerpost"), "--config", os.path.join(self.dir, "users", user, "config.yaml"), *argv]

    def agent(self, user, *argv, input=b"", expect=0, env=None, timeout=120):
        done = subprocess.run(self.argv(user, *argv), input=input, capture_output=True, timeout=timeout,
                              env=dict(self.env, **(env or {})))
        if expect is not None:
            check(done.returncode == expect,
                  f"peerpost {' '.join(argv)} as {user}: exit {done.returncode}, wanted {expect}\n"
                  f"{done.stdout.decode(errors='replace')}{done.stderr.decode(errors='replace')}")
        return done

    def start(self, user, *argv, input=None, env=None):
        p = subprocess.Popen(self.argv(user, *argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=dict(self.env, **(env or {})))
        if input is not None:
            try:
                p.stdin.write(input)
                p.stdin.close()
            except BrokenPipeError:
                pass
            p.stdin = None
        return p

    def maildir(self, user):
        return os.path.join(self.dir, "users", user, "Maildir")

    def mails(self, user):
        """Octets of every delivered message."""
        found = []
        for folder in ("new", "cur"):
            path = os.path.join(self.maildir(user), folder)
            for name in sorted(os.listdir(path)) if os.path.isdir(path) else []:
                with open(os.path.join(path, name), "rb") as f:
                    found.append(f.read())
        return found


def endpoint(node):
    """(address, port) of a status line, whatever its form."""
    text = node["http"]
    if isinstance(text, int):
        return node["address"], text
    address, port = text.rsplit("/", 1)[-1].rsplit(":", 1)
    return address.strip("[]"), int(port)


_context = ssl.create_default_context()
_context.check_hostname = False
_context.verify_mode = ssl.CERT_NONE


def connect(node, timeout=30):
    address, port = endpoint(node)
    return http.client.HTTPSConnection(address, port, context=_context, timeout=timeout)


def multipart(certificates, octets):
    return (b"--b\r\nContent-Disposition: form-data; name=\"certificates\"\r\n\r\n" + certificates
            + b"\r\n--b\r\nContent-Disposition: form-data; name=\"object\"\r\n\r\n" + octets + b"\r\n--b--\r\n",
            {"Content-Type": "multipart/form-data; boundary=b"})
