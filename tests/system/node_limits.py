#!/usr/bin/env python3
"""The bounds of one peerpostd as a stranger meets them: rates, day sums, inbox, connections, slow and
silent clients, a full store that stays readable."""
import http.client, json, os, socket, ssl, sys, time

from labkit import check
from onenode import ADDRESS, Node, _context, notifications

ALICE = "alice@one.example"


def rates(node):
    connection = node.connect()
    statuses = [node.append(ALICE, b"%d" % i, connection) for i in range(10)]
    check(statuses == [202] * 8 + [429] * 2, f"appends of one source: {statuses}")
    status, fields, body = node.request("PUT", "/" + ALICE, b"x", {"Pragma": "append-inbox"})
    check(status == 429 and int(fields["retry-after"]) > 0 and json.loads(body)["type"].endswith("/rate"), f"{status} {fields}")
    fields = node.sign("PUT", "/" + ALICE, ALICE, "append-inbox")
    check(node.request("PUT", "/" + ALICE, b"", fields)[0] == 400, "an empty signed notification")  # past the bucket
    check(node.store("r@x", b"x") == 201, "a store has its own bucket")


def inbox(node):
    """Strangers' quarter of 16 is 4; the owner reads, and there is room again."""
    check(len(notifications(node.read(ALICE)[2])) == 4, "the plain quarter holds 4")
    batch = node.read(ALICE)[1]["peerpost-batch"]
    node.read(ALICE, confirm=batch)
    check(notifications(node.read(ALICE)[2]) == [], "confirmed and still there")
    check(node.append(ALICE, b"new") == 202, "no room after the inbox was read")


def connections(node):
    held = []
    for _ in range(30):
        s = socket.create_connection((ADDRESS, node.http), timeout=5)
        held.append(s)
    time.sleep(0.5)
    check(node.process.poll() is None and node.status()["http_server"]["open"] <= 10, "limits.connections_source is not kept")
    other = http.client.HTTPSConnection(ADDRESS, node.http, context=_context, source_address=("127.1.77.2", 0))
    check(node.request("GET", "/r@x", connection=other)[0] == 200, "nobody else gets in")
    for s in held:
        s.close()
    end = time.monotonic() + 20
    while node.status()["http_server"]["open"] > 2 and time.monotonic() < end:
        time.sleep(0.05)  # until the node has seen them go: the next is counted with them


def slow_clients(node):
    with socket.create_connection((ADDRESS, node.http), timeout=20) as plain, _context.wrap_socket(plain) as s:
        s.sendall(b"GET /r@x HTTP/1.1\r\nHo")  # and then nothing: header_time is 2 s
        start = time.monotonic()
        got = s.recv(4096)
        check(got.startswith(b"HTTP/1.1 408") or got == b"", f"a header that does not come: {got[:60]}")
        check(time.monotonic() - start < 8, "a slow header holds its connection")
    silent = socket.create_connection((ADDRESS, node.http), timeout=20)
    start = time.monotonic()
    check(silent.recv(100) == b"" and time.monotonic() - start < 8, "a silent client holds its connection")
    silent.close()


def full_store(node):
    check(node.store("first@x", os.urandom(600000), fields={"Peerpost-Copies": "1"}) == 201, "the first")
    status = [node.store(f"more{i}@x", os.urandom(600000)) for i in range(8)]
    check(status[-1] == 507 and 201 in status, f"filling the store: {status}")
    check(node.request("GET", "/first@x")[0] == 200, "a full store cannot be read")
    check(node.append(ALICE, b"small") in (202, 507), "append to a full store")
    check(node.delete("first@x", ALICE) == 204, "a full store cannot be deleted from")
    check(node.store("again@x", os.urandom(400000)) == 201, "what was deleted made no room")
    check(node.process.poll() is None, "the node ended")


def main():
    bounds = ("limits: {appends: 4, connections_source: 10}\n"
              "http: {header_time: 2s, handshake_time: 2s}\n")
    with Node(options=bounds) as node:
        rates(node)
        print("rates: good", flush=True)
        connections(node)
        slow_clients(node)
        print("connections: good", flush=True)
    with Node(options="limits: {inbox_entries: 16}\n") as node:
        for i in range(6):
            node.append(ALICE, b"%d" % i)
        inbox(node)
        print("inbox: good", flush=True)
    with Node(options="", store="lmdb, lmdb: {capacity: 4 MiB}") as node:
        full_store(node)
        print("full store: good", flush=True)


if __name__ == "__main__":
    main()
