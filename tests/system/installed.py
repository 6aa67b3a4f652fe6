#!/usr/bin/env python3
"""What an author outside the tree does: installs Peerpost into a folder, copies the two templates,
builds each with its own Makefile (cc and pkg-config only), checks them with the installed
peerpost-plugin-check, and runs mail over both in a network of the installed programs. The installed
tree is moved before it is used: it finds everything relative to itself. docs/plugins.md tells the same."""
import os, re, shutil, subprocess, sys, tempfile

BUILD, SOURCE = os.environ["PEERPOST_BUILD"], os.environ["PEERPOST_SOURCE"]
ALICE, BOB = "alice@outside.example", "bob@outside.example"
PROGRAMS = ("peerpostd", "peerpost", "peerpost-ca", "peerpost-lab", "peerpost-plugin-check")
PAGES = ("man1/peerpost.1", "man1/peerpost-ca.1", "man1/peerpost-lab.1", "man1/peerpost-plugin-check.1",
         "man8/peerpostd.8", "man5/peerpostd.yaml.5")


def check(condition, text):
    if not condition:
        sys.exit(f"installed: {text}")


def run(*argv, cwd=None, env=None):
    done = subprocess.run(argv, cwd=cwd, env=env, text=True, check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    check(done.returncode == 0, f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def install(top):
    first, prefix = os.path.join(top, "first"), os.path.join(top, "peerpost")
    run("cmake", "--install", BUILD, "--prefix", first)
    os.rename(first, prefix)
    # None of the build's or the tree's own places may help from here on.
    env = {k: v for k, v in os.environ.items() if not k.startswith("PEERPOST_")}
    env["PATH"] = os.path.join(prefix, "bin") + os.pathsep + env["PATH"]
    found = [os.path.join(path, "pkgconfig") for path, folders, _ in os.walk(prefix) if "pkgconfig" in folders]
    check(len(found) == 1, f"folders named pkgconfig: {found}")
    env["PKG_CONFIG_PATH"] = found[0]
    return prefix, env


def whole(prefix, env):
    for name in PROGRAMS:
        check(os.access(os.path.join(prefix, "bin", name), os.X_OK), f"bin/{name} is not installed")
    for page in PAGES:
        path = os.path.join(prefix, "share", "man", page)
        check(os.path.exists(path) and os.path.getsize(path) > 500, f"share/man/{page} is not installed")
    plugins = run("pkg-config", "--variable=plugindir", "peerpost-plugin", env=env).strip()
    for name in ("substrate-chord", "store-lmdb", "store-mem"):
        check(os.path.exists(os.path.join(plugins, name + ".so")), f"{plugins}/{name}.so is not installed")
    for name in ("peerpostd.yaml", "peerpost.yaml"):
        check(os.path.exists(os.path.join(prefix, "share", "doc", "peerpost", "examples", name)), f"no example {name}")
    # An installed program finds an installed plugin by its name alone.
    text = run("peerpostd", "--plugin-help", "chord", env=env)
    check("successors" in text, f"peerpostd --plugin-help chord says:\n{text}")
    print("installed: programs, plugins, pages, examples", flush=True)


def build(top, env, kind, plugin):
    """Copies a template out of the installed tree and builds it there."""
    templates = run("pkg-config", "--variable=templates", "peerpost-plugin", env=env).strip()
    folder = os.path.join(top, "mine", kind)
    shutil.copytree(os.path.join(templates, kind), folder)
    told = run("make", cwd=folder, env=env)
    check(SOURCE not in told and "warning" not in told, f"{kind}: not built from the installed tree alone:\n{told}")
    report = run("make", "check", cwd=folder, env=env)
    check(re.search(r"\d\d cases, 0 (broken|failed)", report), f"{plugin}: {report}")
    print(f"{plugin}: built outside the tree, {report.splitlines()[-1]}", flush=True)
    return os.path.join(folder, plugin)


def mail(top, env, substrate, store):
    folder = os.path.join(top, "lab")
    run("peerpost-lab", "up", "--dir", folder, "--nodes", "6", "--users", f"{ALICE},{BOB}",
        "--substrate", substrate, "--store", store, env=env)
    try:
        config = {user: os.path.join(folder, "users", user, "config.yaml") for user in (ALICE, BOB)}
        for number in range(3):
            text = f"From: {ALICE}\nTo: {BOB}\nSubject: number {number}\n\nover a network of one's own\n"
            done = subprocess.run(["peerpost", "--config", config[ALICE], "send", "-t", "--wait"], env=env, text=True,
                                  input=text, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            check(done.returncode == 0, f"send: exit {done.returncode}\n{done.stdout}")
        run("peerpost", "--config", config[BOB], "fetch", env=env)
        new = os.path.join(folder, "users", BOB, "Maildir", "new")
        mails = os.listdir(new) if os.path.isdir(new) else []
        check(len(mails) == 3, f"{len(mails)} of 3 messages arrived")
    finally:
        subprocess.run(["peerpost-lab", "down", "--dir", folder], env=env, check=False, stdout=subprocess.DEVNULL)
    print("3 messages over both plugins", flush=True)


def main():
    with tempfile.TemporaryDirectory(prefix="peerpost-installed-", dir=os.environ.get("TMPDIR", "/var/tmp")) as top:
        prefix, env = install(top)
        whole(prefix, env)
        substrate = build(top, env, "substrate", "substrate-mesh.so")
        store = build(top, env, "store", "store-mem.so")
        mail(top, env, substrate, store)


main()
