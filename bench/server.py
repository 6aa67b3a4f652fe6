#!/usr/bin/env python3
"""The HTTP server alone (bench_http: 4 KiB from memory) against nginx, both in one run: fetches over
kept connections, plain and TLS 1.3, and what an idle connection costs. The node's own rows are
bench/node.py's.

  bench/server.py [--build DIR] [--seconds S] [--rounds N] [--only WORD]

Needs: wrk nginx openssl; build bench_http of the release preset first.
"""
import argparse, json, os, ssl, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import node


class Ours(node.Server):
    def __init__(self, build, *certificate):
        port = node.free_port()
        super().__init__([os.path.join(build, "bin", "bench_http"), str(port), *certificate], "127.0.0.1", port)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default=os.path.join(HERE, "..", "build", "release"))
    p.add_argument("--seconds", type=int, default=3)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--only", default="", help="run the rows whose name contains this word")
    p.add_argument("--json", action="store_true")
    a = p.parse_args()
    results = []
    with tempfile.TemporaryDirectory(prefix="peerpost-bench-") as top:
        os.chmod(top, 0o755)
        cert, key = os.path.join(top, "cert.pem"), os.path.join(top, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=bench", "-days", "2", "-keyout", key, "-out", cert], check=True,
                       capture_output=True)
        for scheme, certificate in (("plain", ()), ("TLS 1.3", (cert, key))):
            folder = os.path.join(top, scheme.replace(" ", ""))
            os.makedirs(os.path.join(folder, "www"))
            with open(os.path.join(folder, "www", "object"), "wb") as f:
                f.write(os.urandom(4096))
            rows(a, scheme, folder, certificate, results)
    if a.json:
        print(json.dumps(results))
    return 0


def rows(a, scheme, folder, certificate, results):
    context = None
    if certificate:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    url = lambda s: f"{'https' if certificate else 'http'}://{s.address}:{s.port}/object"

    def fresh(make):
        """What 1,000 idle connections add to a server that has just begun."""
        server = make()
        try:
            return 1000 * node.idle(server, context)
        finally:
            server.stop()

    make_ours, make_nginx = lambda: Ours(a.build, *certificate), lambda: node.Nginx(folder, *certificate)
    name = f"idle connection, {scheme}, KiB x 1000"
    if a.only in name:
        node.pair(name, lambda: fresh(make_ours), lambda: fresh(make_nginx), "nginx", 1.0, a.rounds, results, True)
    ours, nginx = make_ours(), make_nginx()
    try:
        for c in (16, 256):
            name = f"fetch 4 KiB, {scheme}, {c} connections"
            if a.only in name:
                node.pair(name, lambda: node.wrk(url(ours), c, a.seconds), lambda: node.wrk(url(nginx), c, a.seconds),
                          "nginx", 1.0, a.rounds, results)
    finally:
        ours.stop()
        nginx.stop()


if __name__ == "__main__":
    sys.exit(main())
