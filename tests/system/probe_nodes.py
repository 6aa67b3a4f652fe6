#!/usr/bin/env python3
"""Nodes probe their network: each stores small objects and asks for them again; p and the advised number
of copies stand in /status and /metrics, and fall when nodes die."""
import http.client, json, re, time

from labkit import Lab, check


def page(node, path):
    address, port = node["admin"].rsplit(":", 1)
    connection = http.client.HTTPConnection(address, int(port), timeout=30)
    connection.request("GET", path)
    return connection.getresponse().read().decode()


def await_probe(lab, number, test, what, seconds=90):
    end = time.monotonic() + seconds
    while True:
        probe = json.loads(page(lab.status()[number], "/status"))["probe"]
        if test(probe):
            return probe
        check(time.monotonic() < end, f"{what}: not in {seconds} s; {probe}")
        time.sleep(0.3)


def main():
    options = [o for pair in ("probe.period=1s", "probe.samples=4") for o in ("--node-option", pair)]
    with Lab(nodes=6, options=options) as lab:
        probe = await_probe(lab, 0, lambda p: p["asked"] >= 50, "50 copies asked for")
        check(probe["on"] and probe["good"] == probe["asked"], f"living nodes lack copies: {probe}")
        check(probe["p"] > 0.95 and 1 <= probe["advised_k"] <= 4, f"p and k of a sound network: {probe}")
        text = page(lab.status()[0], "/metrics")
        value = lambda name: float(re.search(rf"^peerpost_{name} (\S+)$", text, re.M).group(1))
        check(value("peer_availability") > 0.95 and value("advised_copies") == probe["advised_k"], "the metrics differ")
        check(value("probe_good_total") >= 50 and value("probe_rounds_total") >= 2, "the counters stand still")
        for n in (3, 4, 5):
            lab.kill(n)
        low = await_probe(lab, 0, lambda p: p["good"] < 0.9 * p["asked"], "dead nodes show")
        check(low["p"] < probe["p"] and low["advised_k"] >= probe["advised_k"], f"{probe} then {low}")
        print(f"p {probe['p']:.2f}, k {probe['advised_k']}; three of six dead: p {low['p']:.2f}, k {low['advised_k']}")


if __name__ == "__main__":
    main()
