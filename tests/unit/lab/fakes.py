#!/usr/bin/env python3
"""Stand-ins for peerpostd, peerpost-ca and peerpost (by the name they are called by), small enough
to see that peerpost-lab itself starts, observes, kills and reports as it says."""
import http.server
import json
import os
import re
import sys
import urllib.parse


def ca(argv):
    if argv[0] == "issue":
        out = argv[argv.index("--out") + 1]
        number = int(out.split("/")[-2])
        identity = f"{number + 1:02x}" * 20
        open(out + ".cert.pem", "w").write(identity)
        print(f"{identity}.peerpost.alt")
    elif argv[0] == "sign":
        open(argv[argv.index("--out") + 1], "w").write("certificate")


def agent(argv):
    folder, command = os.path.dirname(argv[1]), argv[2]
    if command == "enrol":
        open(folder + "/user.csr.pem", "w").write("request")
    if command == "publish":
        assert os.path.exists(folder + "/user.cert.pem")
        if "fail" in folder:
            sys.exit("this user cannot be published")


class Node(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path.startswith("/.well-known/peerpost/lookup"):
            query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
            living = sorted(n for n in os.listdir(self.server.nodes) if self.lives(n))
            peers = [{"id": f"{int(n) + 1:02x}" * 20} for n in living]
            body = peers[: int(query["k"][0])]
        else:
            body = {"overlay": {"state": "ACTIVE"}}
        octets = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        self.wfile.write(octets)

    def lives(self, number):
        try:
            return os.path.exists(f"/proc/{open(f'{self.server.nodes}/{number}/pid').read().strip()}")
        except OSError:
            return False


def serve(address, port, folder):
    class Server(http.server.ThreadingHTTPServer):
        allow_reuse_address = True
        nodes = os.path.dirname(folder)

    return Server((address, port), Node)


def daemon(argv):
    folder, text = os.path.dirname(argv[1]), open(argv[1]).read()
    if "fail.now: yes" in text:
        print("cannot open the store: it is a fake", flush=True)
        sys.exit(74)
    address = re.search(r"listen: (127\.\S+)", text).group(1)
    import threading

    for port in (4743, 4780):
        threading.Thread(target=serve(address, port, folder).serve_forever, daemon=True).start()
    print("serving", flush=True)
    threading.Event().wait()


name = os.path.basename(sys.argv[0])
{"peerpost-ca": ca, "peerpost": agent, "peerpostd": daemon}[name](sys.argv[1:])
