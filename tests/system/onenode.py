"""One peerpostd, a network of its own (k = 1), with an authority and users; requests over TLS, signed
by an implementation of RFC 9421 of this file's own (openssl makes the signatures)."""
import base64, hashlib, http.client, json, os, shutil, signal, socket, ssl, subprocess, tempfile, time

from labkit import check, program

ADDRESS = "127.1.77.1"


class Node:
    def __init__(self, users=("alice@one.example", "bob@one.example"), options="", store=None, env=None):
        self.dir = tempfile.mkdtemp(prefix="peerpost-node-", dir=os.environ.get("TMPDIR", "/var/tmp"))
        self.env = dict(os.environ, **(env or {}))
        store = store or os.environ.get("PEERPOST_STORE", "lmdb")
        self.ca("init", "--domain", "one.example")
        self.ca("issue", "--node", "--principal", "test", "--out", self.path("node"))
        for user in users:
            self.ca("issue", "--out", self.path(user), user)
        self.http, self.udp, self.admin = free_port(), free_port(), free_port()
        with open(self.path("config.yaml"), "w") as f:
            f.write(f"""network: {{name: one, k: 1}}
node: {{listen: {ADDRESS}, udp: {self.udp}, http: {self.http}, key: node.key.pem, certificate: node.cert.pem, state: state}}
store: {{plugin: {store}}}
trust: {{ca: ca/ca.cert.pem}}
admin: {{listen: "{ADDRESS}:{self.admin}"}}
{options}""")
        self.process = None
        self.start()
        self.id = self.status()["id"]

    def path(self, name):
        return os.path.join(self.dir, name)

    def ca(self, *argv):
        done = subprocess.run([program("peerpost-ca"), argv[0], "--dir", self.path("ca"), *argv[1:]],
                              capture_output=True, text=True)
        check(done.returncode == 0, f"peerpost-ca {argv}: {done.stderr}")

    def start(self, env=None, prefix=()):
        self.log = open(self.path("log"), "ab")
        self.process = subprocess.Popen([*prefix, program("peerpostd"), "--config", self.path("config.yaml")],
                                        stderr=self.log, env=dict(self.env, **(env or {})))
        end = time.monotonic() + 30
        while time.monotonic() < end:
            check(self.process.poll() is None, f"peerpostd ended: {open(self.path('log')).read()}")
            try:
                if self.get_admin("/status")[0] == 200 and self.request("GET", "/.well-known/peerpost/health")[0] == 200:
                    return
            except OSError:
                time.sleep(0.02)
        check(False, f"peerpostd does not come up: {open(self.path('log')).read()}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.kill()
        if os.environ.get("KEEP_LAB"):
            print(f"kept {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def get_admin(self, path, method="GET"):
        c = http.client.HTTPConnection(ADDRESS, self.admin, timeout=10)
        c.request(method, path)
        a = c.getresponse()
        return a.status, a.read()

    def status(self):
        return json.loads(self.get_admin("/status")[1])

    def connect(self, timeout=30):
        return http.client.HTTPSConnection(ADDRESS, self.http, context=_context, timeout=timeout)

    def raw(self, octets, timeout=10):
        """Sends octets as they are; everything that comes until the end or a pause."""
        with socket.create_connection((ADDRESS, self.http), timeout=timeout) as plain:
            with _context.wrap_socket(plain) as s:
                s.sendall(octets)
                got = b""
                try:
                    while piece := s.recv(65536):
                        got += piece
                except (TimeoutError, ssl.SSLError, ConnectionError):
                    pass
                return got

    def request(self, method, path, body=None, fields=None, connection=None):
        c = connection or self.connect()
        c.request(method, path, body, fields or {})
        a = c.getresponse()
        return a.status, {k.lower(): v for k, v in a.getheaders()}, a.read()

    def sign(self, method, path, user, pragma=None, confirm=None, certificate=True, shift=0, nonce=None, node=None,
             key=None):
        """Fields of a signed request (docs/protocol.md, Signed requests)."""
        der = base64.b64decode("".join(open(self.path(user + ".cert.pem")).read().split("-----")[2].split()))
        b64 = lambda octets: base64.b64encode(octets).decode()
        url64 = lambda octets: base64.urlsafe_b64encode(octets).decode().rstrip("=")
        digest = f"sha-256=:{b64(hashlib.sha256(b'').digest())}:"
        created = int(time.time()) + shift
        parts = [("@method", method), ("@authority", (node or self.id) + ".peerpost.alt"), ("@path", path),
                 ("content-digest", digest)]
        fields = {"Content-Digest": digest}
        if pragma:
            parts.append(("pragma", pragma))
            fields["Pragma"] = pragma
        if confirm:
            parts.append(("peerpost-confirm", confirm))
            fields["Peerpost-Confirm"] = confirm
        params = ("(" + " ".join(f'"{n}"' for n, _ in parts) + f');created={created};expires={created + 300}'
                  f';nonce="{url64(nonce or os.urandom(16))}";keyid="{url64(hashlib.sha256(der).digest())}"'
                  ';alg="ecdsa-p256-sha256";tag="peerpost"')
        base = "".join(f'"{n}": {v}\n' for n, v in parts) + f'"@signature-params": {params}'
        done = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.path((key or user) + ".key.pem")],
                              input=base.encode(), capture_output=True)
        check(done.returncode == 0, done.stderr.decode())
        fields["Signature-Input"] = "sig=" + params
        fields["Signature"] = f"sig=:{b64(raw_signature(done.stdout))}:"
        if certificate:
            fields["Peerpost-Certificate"] = f":{b64(der)}:"
        return fields

    def store(self, identifier, octets, user="alice@one.example", fields=None, connection=None):
        body, more = multipart(open(self.path(user + ".cert.pem"), "rb").read(), octets)
        return self.request("PUT", "/" + identifier, body, dict(more, **(fields or {})), connection)[0]

    def append(self, address, octets, connection=None):
        return self.request("PUT", "/" + address, octets, {"Pragma": "append-inbox"}, connection)[0]

    def read(self, address, user=None, confirm=None, **more):
        fields = self.sign("GET", "/" + address, user or address, "read-inbox", confirm, **more)
        return self.request("GET", "/" + address, fields=fields)

    def delete(self, identifier, user, **more):
        return self.request("DELETE", "/" + identifier, fields=self.sign("DELETE", "/" + identifier, user, **more))[0]


def notifications(body):
    found, at = [], 0
    while at < len(body):
        size = int.from_bytes(body[at + 8:at + 12], "big")
        found.append(body[at + 12:at + 12 + size])
        check(len(found[-1]) == size, "an inbox answer ends inside a notification")
        at += 12 + size
    return found


def raw_signature(der):
    """SEQUENCE of two INTEGERs -> r and s, 32 octets each."""
    at, out = 2, b""
    for _ in range(2):
        size = der[at + 1]
        out += int.from_bytes(der[at + 2:at + 2 + size], "big").to_bytes(32, "big")
        at += 2 + size
    return out


def multipart(certificates, octets):
    return (b"--b\r\nContent-Disposition: form-data; name=\"certificates\"\r\n\r\n" + certificates
            + b"\r\n--b\r\nContent-Disposition: form-data; name=\"object\"\r\n\r\n" + octets + b"\r\n--b--\r\n",
            {"Content-Type": "multipart/form-data; boundary=b"})


def free_port():
    with socket.socket() as s:
        s.bind((ADDRESS, 0))
        return s.getsockname()[1]


_context = ssl.create_default_context()
_context.check_hostname = False
_context.verify_mode = ssl.CERT_NONE
