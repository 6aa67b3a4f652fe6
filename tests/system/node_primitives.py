#!/usr/bin/env python3
"""One real peerpostd over TLS: the five primitives and HEAD, signatures, refusals, pages, and what
stays after a restart."""
import hashlib, json, os, shutil, signal, subprocess, sys, time

from labkit import check
from onenode import ADDRESS, Node, multipart, notifications

ALICE, BOB = "alice@one.example", "bob@one.example"


def equal(what, got, wanted):
    check(got == wanted, f"{what}: {got!r}, wanted {wanted!r}")


def says(answer, status, slug):
    equal(slug, answer[0], status)
    equal("type of the answer", answer[1].get("content-type"), "application/problem+json")
    document = json.loads(answer[2])
    equal("type", document["type"], "https://peerpost.invalid/problems/" + slug)
    equal("status in the document", document["status"], status)
    check(document["title"] and document["detail"], f"{document} says too little")


def keyid(node, user):
    pem = subprocess.run(["openssl", "x509", "-in", node.path(user + ".cert.pem"), "-outform", "DER"], capture_output=True)
    import base64
    return base64.urlsafe_b64encode(hashlib.sha256(pem.stdout).digest()).decode().rstrip("=")


def bodies(node):
    equal("store", node.store("m1@x", b"hello"), 201)
    equal("store again", node.store("m1@x", b"hello", BOB), 200)
    equal("store other octets", node.store("m1@x", b"other"), 409)
    status, fields, body = node.request("GET", "/m1@x")
    equal("fetch", (status, body), (200, b"hello"))
    check("content-digest" in fields and int(fields["peerpost-life"]) > 29 * 86400, f"{fields}")
    says(node.request("GET", "/never@x"), 404, "not-found")
    head = {"Peerpost-Keyid": keyid(node, ALICE)}
    equal("HEAD", node.request("HEAD", "/m1@x", fields=head)[0], 200)
    equal("delete", node.delete("m1@x", ALICE), 204)
    equal("delete again", node.delete("m1@x", ALICE), 404)
    equal("HEAD after", node.request("HEAD", "/m1@x", fields=head)[0], 410)
    equal("fetch while Bob is in the set", node.request("GET", "/m1@x")[0], 200)
    equal("delete by Bob", node.delete("m1@x", BOB), 204)
    says(node.request("GET", "/m1@x"), 410, "deleted")
    equal("store of what was deleted", node.store("m1@x", b"hello"), 410)
    strange = "a%2Fb%3F%25%20%80@x"
    equal("an odd identifier", node.store(strange, b"odd"), 201)
    equal("fetched", node.request("GET", "/" + strange)[2], b"odd")
    equal("another spelling of it", node.request("GET", "/" + strange.replace("a", "%61", 1))[2], b"odd")
    for size in (0, 1, 262143, 262144, 262145, 3000000):
        octets = os.urandom(size)
        equal(f"store of {size}", node.store(f"size{size}@x", octets), 201)
        equal(f"fetch of {size}", node.request("GET", f"/size{size}@x")[2] == octets, True)


def inbox(node):
    equal("append", node.append(ALICE, b"one"), 202)
    equal("append again", node.append(ALICE, b"one"), 200)
    equal("append two", node.append(ALICE, b"two"), 202)
    status, fields, body = node.read(ALICE)
    equal("read", (status, notifications(body)), (200, [b"one", b"two"]))
    equal("type", fields["content-type"], "application/vnd.peerpost.inbox")
    node.kill()
    node.start()
    equal("read after kill -9", notifications(node.read(ALICE)[2]), [b"one", b"two"])
    node.append(ALICE, b"three")
    equal("confirm", notifications(node.read(ALICE, confirm=fields["peerpost-batch"])[2]), [b"three"])
    equal("confirm again", notifications(node.read(ALICE, confirm=fields["peerpost-batch"])[2]), [b"three"])
    epoch = fields["peerpost-batch"].split(":")[0]
    says(node.read(ALICE, confirm=f"{epoch}:999"), 409, "other-batch")
    says(node.read(ALICE, confirm="0" * 32 + ":1"), 409, "other-batch")
    says(node.read(ALICE, BOB), 403, "not-the-owner")
    says(node.request("GET", "/" + ALICE, fields={"Pragma": "read-inbox"}), 401, "signature-missing")
    says(node.request("PUT", "/Alice@ONE.example", b"x", {"Pragma": "append-inbox"}), 400, "address-not-normal")
    says(node.request("PUT", "/" + ALICE, b"x" * 32769, {"Pragma": "append-inbox"}), 413, "too-big")


def certificates(node):
    pem = open(node.path(ALICE + ".cert.pem"), "rb").read()
    equal("publish", node.store(ALICE + "-certificate", pem), 201)
    equal("publish again", node.store(ALICE + "-certificate", pem), 200)
    der = node.request("GET", f"/{ALICE}-certificate")[2]
    equal("DER", der, subprocess.run(["openssl", "x509", "-outform", "DER"], input=pem, capture_output=True).stdout)
    equal("another's", node.store(BOB + "-certificate", pem), 403)
    body, fields = multipart(pem, b"no certificate")
    says(node.request("PUT", f"/{BOB}-certificate", body, fields), 400, "certificate")


def signatures(node):
    octets = b"x"
    node.store("s@x", octets)
    fields = node.sign("GET", "/" + ALICE, ALICE, "read-inbox")
    equal("first use", node.request("GET", "/" + ALICE, fields=fields)[0], 200)
    says(node.request("GET", "/" + ALICE, fields=fields), 401, "replayed")
    skewed = node.read(ALICE, shift=-3600)
    says(skewed, 401, "clock-skew")
    check("date" in skewed[1], "a clock-skew answer has no Date")
    says(node.read(ALICE, node="00" * 20), 401, "signature-invalid")
    says(node.read(ALICE, key=BOB), 401, "signature-invalid")
    fields = node.sign("GET", "/" + ALICE, ALICE, "read-inbox")
    says(node.request("GET", "/" + BOB, fields=fields), 401, "signature-invalid")
    fields["Content-Digest"] = fields["Content-Digest"].replace("4", "5", 1)
    says(node.request("GET", "/" + ALICE, fields=fields), 400, "digest-mismatch")
    says(node.request("DELETE", "/s@x"), 401, "signature-missing")
    says(node.request("DELETE", "/s@x", fields=node.sign("DELETE", "/s@x", BOB)), 404, "not-a-member")
    fields = node.sign("DELETE", "/s@x", ALICE)
    fields["Signature"] = fields["Signature"][:-8] + "AAAA" + fields["Signature"][-4:]
    check(node.request("DELETE", "/s@x", fields=fields)[0] in (400, 401), "a broken signature deleted")
    equal("still there", node.request("GET", "/s@x")[0], 200)


def garbage(node):
    says(node.request("POST", "/x", b""), 405, "method")
    says(node.request("GET", "/x?y=1"), 400, "malformed")
    says(node.request("GET", "/%4"), 400, "malformed")
    says(node.request("GET", "/%zz"), 400, "malformed")
    says(node.request("GET", "/" + "a" * 999), 414, "identifier-too-long")
    says(node.request("PUT", "/x@x", b"bare body without a set"), 400, "parts")
    says(node.request("PUT", "/x@x", b"--b\r\nnonsense", {"Content-Type": "multipart/form-data; boundary=b"}), 400, "parts")
    says(node.request("PUT", "/x@x", b"", {"Content-Type": "multipart/mixed; boundary=b"}), 400, "malformed")
    says(node.request("PUT", "/x@x", b"", {"Pragma": "read-inbox"}), 400, "malformed")
    for field, value in (("Peerpost-Life", "-1"), ("Peerpost-Life", "1e3"), ("Peerpost-Life", ""), ("Peerpost-Copies", "x"),
                         ("Peerpost-Copies", "33"), ("Peerpost-Life", "0"), ("Peerpost-Certificate", "xx"),
                         ("Peerpost-Work", "d=9"), ("Content-Digest", "md5=:AA==:"), ("Signature", "sig=:AA==:")):
        equal(f"{field}: {value}", node.store("x@x", b"y", fields={field: value}), 400)
    equal("HEAD with a bad keyid", node.request("HEAD", "/x@x", fields={"Peerpost-Keyid": "short"})[0], 400)
    body, fields = multipart(open(node.path(ALICE + ".cert.pem"), "rb").read(), b"z")
    says(node.request("PUT", "/x@x", body.replace(b'name="object"', b'name="thing"'), fields), 400, "parts")
    says(node.request("PUT", "/x@x", body, dict(fields, **{"Content-Digest": "sha-256=:" + "A" * 43 + "=:"})), 400,
         "digest-mismatch")
    answer = node.raw(b"PUT /big@x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n", 3)
    check(answer.startswith(b"HTTP/1.1 413"), f"a body of 93 GiB: {answer[:80]}")
    equal("nothing was stored", node.request("GET", "/x@x")[0], 404)


def pages(node):
    status, _, body = node.request("GET", "/.well-known/peerpost/version")
    equal("version", (status, json.loads(body)["id"]), (200, node.id))
    key = hashlib.sha256(ALICE.encode()).hexdigest()[:40]
    status, _, body = node.request("GET", f"/.well-known/peerpost/lookup?key={key}&k=5")
    found = json.loads(body)
    equal("lookup", (status, [(p["id"], p["http"], p["address"]) for p in found]), (200, [(node.id, node.http, ADDRESS)]))
    for query in ("", "?key=abc", f"?key={key}&k=33", f"?key={key}&k=x"):
        says(node.request("GET", "/.well-known/peerpost/lookup" + query), 400, "malformed")
    equal("crl", node.request("GET", "/.well-known/peerpost/crl")[0], 404)
    equal("none", node.request("GET", "/.well-known/peerpost/none")[0], 404)
    equal("PUT to a page", node.request("PUT", "/.well-known/peerpost/health", b"")[0], 405)
    status = node.status()
    equal("state", status["overlay"]["state"], "active")
    check(status["store"]["objects"] > 0, f"{status['store']}")
    holdings = json.loads(node.get_admin("/holdings")[1])
    name = hashlib.sha256(b"s@x").hexdigest()
    check(any(h["hash"] == name and h["kind"] == "object" and h["due"] == "yes" for h in holdings), "s@x is not among the holdings")
    check(ALICE not in node.get_admin("/holdings")[1].decode() + open(node.path("log")).read(), "an address is shown")
    equal("collect", node.get_admin("/collect", "POST")[0], 202)
    equal("GET collect", node.get_admin("/collect")[0], 405)
    end = time.monotonic() + 10
    while node.status()["collector"]["runs"] == 0:
        check(time.monotonic() < end, "the collector did not run")
    metrics = node.get_admin("/metrics")[1]
    check(b'peerpost_answers_total{primitive="store",class="2xx"}' in metrics, "no metric of stores")
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True)
        equal("promtool", (done.returncode, done.stdout + done.stderr), (0, b""))
    else:
        grammar(metrics.decode())


def grammar(text):
    """What promtool checks, where it is not installed."""
    import re
    typed, helped = {}, set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            helped.add(line.split()[2])
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            check(name not in typed, f"{name} stands twice")
            typed[name] = kind
            check(kind != "counter" or name.endswith("_total"), f"{name} is a counter without _total")
            check(kind == "counter" or not name.endswith("_total"), f"{name} is no counter")
        else:
            found = re.fullmatch(r'([a-z_]+)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? \d+(\.\d+)?', line)
            check(found and found.group(1) in typed and found.group(1) in helped, f"not a sample: {line}")


def signals(node):
    node.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 10
    while "read again" not in open(node.path("log")).read():
        check(time.monotonic() < end, "SIGHUP changed nothing")
    equal("after SIGHUP", node.request("GET", "/s@x")[0], 200)
    equal("exit code of SIGTERM", node.terminate(), 0)
    node.start()
    equal("after a restart", node.request("GET", "/s@x")[2], b"x")


def main():
    with Node(options='limits: {exempt: ["127.0.0.0/8"]}\n') as node:
        for step in (bodies, inbox, certificates, signatures, garbage, pages, signals):
            step(node)
            print(f"{step.__name__}: good", flush=True)


if __name__ == "__main__":
    main()
