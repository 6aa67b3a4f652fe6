#!/usr/bin/env python3
"""Every option of peerpostd stands in peerpostd.yaml(5) with its default, and no other does."""
import os, re, subprocess, sys

source, program = os.environ["PEERPOST_SOURCE"], os.path.join(os.environ["PEERPOST_BIN"], "peerpostd")
page = open(os.path.join(source, "core", "node", "peerpostd.yaml.5")).read()
documented = set(re.findall(r"^\.It Cm (\S+) Ar ", page, re.M))
table = open(os.path.join(source, "core", "node", "options.c")).read()
options = set(re.findall(r'\{"([a-z_.]+)",\s*PP_OPT_', table))
printed = subprocess.run([program, "--print-config"], capture_output=True, text=True)
faults = [f"{name} is not in the manual" for name in options - documented]
faults += [f"{name} is in the manual and no option" for name in documented - options]
faults += [f"{name} is not printed" for name in options if not re.search(rf"\b{name.split('.')[-1]}:", printed.stdout)]
if printed.returncode or faults or len(options) < 40:
    sys.exit("\n".join(faults) or f"{len(options)} options, exit {printed.returncode}: {printed.stderr}")
print(f"{len(options)} options are documented")
