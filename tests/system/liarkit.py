"""Nodes that lie: between the network and each node's primitives stands a proxy with that node's own key and
certificate. It is honest until told otherwise; then it does to requests what a hostile operator could do.

    with Liars(lab) as liars:
        liars.lie(3, liars.other_bytes)
"""
import http.client, os, socket, ssl, threading

from labkit import check

PORT = 4799  # where the network looks for the primitives: overlay.advertise_http
OPTIONS = ["--node-option", f"overlay.advertise_http={PORT}", "--unpublished"]


class Request:
    def __init__(self, method, path, fields, body, node, upstream):
        self.method, self.path, self.fields, self.body = method, path, fields, body
        self.node, self.upstream = node, upstream

    def field(self, name):
        return next((value for key, value in self.fields if key.lower() == name), "")

    @property
    def kind(self):
        pragma = self.field("pragma")
        if pragma:
            return pragma
        if self.path.startswith("/.well-known/"):
            return "public"
        if self.path.endswith("-certificate"):
            return "certificate"
        return {"PUT": "store", "GET": "fetch", "HEAD": "status", "DELETE": "delete"}[self.method]


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body


class Liars:
    def __init__(self, lab):
        self.lab, self.lies, self.seen, self.ended = lab, {}, [], threading.Event()
        self.inboxes = {}  # (node, path): the first answer of that inbox that was not empty
        self.sockets, self.forgetful = [], 0
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        for node in lab.status():
            self.listen(node)
        for user in os.listdir(os.path.join(lab.dir, "users")):
            lab.agent(user, "publish")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        for s in self.sockets:
            s.close()

    def lie(self, node, how):
        self.lies[node] = how

    def honest(self):
        self.lies.clear()

    # --- lies: each returns an answer, or None to hang up ------------------------------------------

    def silent(self, request, write):
        """Takes the request and says nothing."""
        self.ended.wait(60)

    def other_bytes(self, request, write):
        answer = self.forward(request)
        if request.kind == "fetch" and answer.status == 200:
            answer.body = bytes([answer.body[0] ^ 1]) + answer.body[1:]
        return answer

    def endless(self, request, write):
        """An answer without an end, to whoever fetches or reads an inbox."""
        if request.kind not in ("fetch", "read-inbox"):
            return self.forward(request)
        self.endlessly(write, b"\0" * 65536, 0)

    def trickle(self, request, write):
        """The same, an octet at a time: it never stands still."""
        if request.kind not in ("fetch", "read-inbox"):
            return self.forward(request)
        self.endlessly(write, b"\0", 0.05)

    def endlessly(self, write, piece, pause):
        write(b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not self.ended.wait(pause):
            write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def empty_inbox(self, request, write):
        answer = self.forward(request)
        if request.kind == "read-inbox":
            answer.body = b""
        return answer

    def old_inbox(self, request, write):
        """What that inbox once held, for ever."""
        return self.inboxes.get((request.node["node"], request.path)) if request.kind == "read-inbox" \
            else self.forward(request)

    def refuses(self, request, write):
        if request.kind in ("store", "append-inbox"):
            return Answer(503, [("Content-Type", "application/problem+json")], b'{"title":"no"}')
        return self.forward(request)

    def forgets(self, request, write):
        """Says that it keeps, and does not."""
        if request.kind in ("store", "append-inbox"):
            return Answer(201 if request.kind == "store" else 202, [], b"")
        return self.forward(request)

    def forgets_bodies(self, request, write):
        """Of all that do this, the one that is first asked to store does so ever after; the others are honest."""
        if request.kind == "store":
            self.forgetful = self.forgetful or request.node["node"] + 1
        return (self.forgets if self.forgetful == request.node["node"] + 1 else self.forward_all)(request, write)

    def forward_all(self, request, write):
        return self.forward(request)

    # --- the proxy ---------------------------------------------------------------------------------

    def listen(self, node):
        folder = os.path.join(self.lab.dir, "nodes", str(node["node"]))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(os.path.join(folder, "node.cert.pem"), os.path.join(folder, "node.key.pem"))
        host = node["http"].rsplit("/", 1)[-1].rsplit(":", 1)[0]
        node = dict(node, host=host, port=int(node["http"].rsplit(":", 1)[1]))
        s = socket.create_server((host, PORT), backlog=128)
        self.sockets.append(s)
        threading.Thread(target=self.accept, args=(s, context, node), daemon=True).start()

    def accept(self, listener, context, node):
        while True:
            try:
                raw, client = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(raw, context, node, client), daemon=True).start()

    def serve(self, raw, context, node, client):
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with context.wrap_socket(raw, server_side=True) as tls:
                reader, upstream = tls.makefile("rb"), self.honest_node(node, client[0])
                while request := self.read(reader, tls, node, upstream):
                    self.seen.append((node["node"], request.kind, request.path))
                    how = self.lies.get(node["node"])
                    answer = how(request, tls.sendall) if how else self.forward(request)
                    if not answer:
                        return
                    self.answer(tls, request, answer)
        except OSError:
            pass

    def read(self, reader, tls, node, upstream):
        line = reader.readline()
        if not line.strip():
            return None
        method, path, _ = line.decode("latin-1").split(" ", 2)
        fields, length = [], 0
        while (line := reader.readline().strip()):
            name, value = line.decode("latin-1").split(":", 1)
            fields.append((name, value.strip()))
            length = int(value) if name.lower() == "content-length" else length
            if name.lower() == "expect":
                tls.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return Request(method, path, fields, reader.read(length), node, upstream)

    def honest_node(self, node, client):
        """The way to it, from the user's own address: limits by source stay real."""
        return http.client.HTTPSConnection(node["host"], node["port"], context=self.context,
                                           source_address=(client, 0), timeout=60)

    def forward(self, request):
        """The honest node's answer."""
        upstream = request.upstream
        upstream.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in request.fields:
            if name.lower() != "expect":
                upstream.putheader(name, value)
        upstream.endheaders(request.body)
        got = upstream.getresponse()
        answer = Answer(got.status, [f for f in got.getheaders() if f[0].lower() not in
                                     ("content-length", "transfer-encoding", "connection")], got.read())
        if request.kind == "read-inbox" and answer.body:
            self.inboxes.setdefault((request.node["node"], request.path), answer)
        return answer

    def answer(self, tls, request, answer):
        head = f"HTTP/1.1 {answer.status} x\r\n" + "".join(f"{n}: {v}\r\n" for n, v in answer.fields)
        if request.method != "HEAD" and answer.status != 204:
            head += f"Content-Length: {len(answer.body)}\r\n"
        tls.sendall(head.encode("latin-1") + b"\r\n" + (answer.body if request.method != "HEAD" else b""))

    # --- what a test wants to know -----------------------------------------------------------------

    def bodies(self, since=0):
        """Paths of bodies that were stored after so many requests, each once."""
        return list(dict.fromkeys(path for _, kind, path in self.seen[since:] if kind == "store"))

    def body_since(self, since):
        found = self.bodies(since)
        check(len(found) == 1, f"{len(found)} bodies were stored instead of one: {found}")
        return found[0][1:]
