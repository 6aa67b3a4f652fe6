#!/usr/bin/env python3
"""peerpost-sim compare: the same seed gives the same octets, no substrate disturbs another, every
look-up in quiet is exact, and a wrong command line ends with a sentence and the right status."""
import csv, io, json, os, subprocess, sys

PROGRAM = os.path.join(os.environ["PEERPOST_BIN"], "peerpost-sim")
LOAD = ["compare", "--nodes", "60", "--lookups", "200", "--minutes", "2", "--churn", "5min", "--loss", "2%"]


def sim(*argv, expect=0):
    done = subprocess.run([PROGRAM, *argv], capture_output=True, text=True)
    assert done.returncode == expect, f"{argv}: exit {done.returncode}, wanted {expect}\n{done.stderr}"
    return done


def table(*argv):
    done = sim(*LOAD, "--csv", *argv)
    assert done.stderr == "", f"silence was promised in a pipe, not {done.stderr!r}"
    return done.stdout


def rows(text):
    return {row["substrate"]: row for row in csv.DictReader(io.StringIO(text))}


def test_same_seed_same_octets():
    first = table()
    assert first == table("--jobs", "1"), "the same seed gave other octets"
    assert first != table("--seed", "2"), "another seed gave the same octets"
    found = rows(first)
    assert {"chord", "kademlia"} <= set(found), found.keys()
    alone = rows(table("--substrates", "chord"))
    assert alone["chord"] == found["chord"], "a substrate disturbs another's run"
    return found


def test_figures(found):
    for name in ("chord", "kademlia"):
        row = found[name]
        assert float(row["failed"]) == 0 and row["failure"] == "", row
        assert float(row["hops"]) < 3 and float(row["messages"]) >= 4 and float(row["latency"]) > 20, row
        assert 0.05 < float(row["datagrams"]) < 10, row
        more = float(row["octets_enveloped"]) - float(row["octets"])
        assert abs(more - 80 * float(row["datagrams"])) < 3, row
        assert float(row["churn_nearest"]) > 80, row
        assert row["memory"] == "" or 1000 < float(row["memory"]) < 50000, row


def test_quiet_is_exact():
    done = sim("compare", "--nodes", "40", "--lookups", "300", "--minutes", "1", "--json", "--substrates",
               "chord,kademlia", "--k", "8")
    for one in json.loads(done.stdout)["substrates"]:
        assert one["exact"] == 100 and one["nearest"] == 100, one
        assert one["recovery"] is not None and one["recovery"] <= 60, one


def test_settings_reach_the_plugin():
    base = ["compare", "--nodes", "40", "--lookups", "50", "--minutes", "2", "--json", "--substrates", "chord"]
    slow = json.loads(sim(*base).stdout)["substrates"][0]["datagrams"]
    fast = json.loads(sim(*base, "--set", "chord.stabilise=3s").stdout)["substrates"][0]["datagrams"]
    assert fast > 2 * slow, (fast, slow)


def test_refusals():
    for argv, status, word in (
        (["compare", "--nodes", "1"], 64, "--nodes"),
        (["compare", "--loss", "101%"], 64, "--loss"),
        (["compare", "--churn", "5 parsecs"], 64, "--churn"),
        (["compare", "--set", "chord"], 64, "--set"),
        (["compare", "--set", "nothing.x=1", "--substrates", "chord"], 64, "no such substrate"),
        (["compare", "--nodes", "4", "--set", "chord.nothing=1", "--substrates", "chord"], 64, "names no option"),
        (["compare", "extra"], 64, "extra"),
        (["compare", "--substrates", "nosuch"], 69, "nosuch"),
        (["compare", "--plugins", "/nonexistent"], 69, "/nonexistent"),
        (["contrast"], 64, "contrast"),
    ):
        text = sim(*argv, expect=status).stderr
        assert word in text, f"{argv}: {text!r} does not name {word!r}"
    assert "Examples" in sim("--help").stdout
    with open("/dev/full", "w") as full:
        done = subprocess.run([PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 74, done.returncode


test_figures(test_same_seed_same_octets())
test_quiet_is_exact()
test_settings_reach_the_plugin()
test_refusals()
print("ok")
