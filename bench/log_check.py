"""What an auditor's work on a large copy costs: CPU and memory of each command, in a process of its own.

The copy is one that bench.log_copy made. Rates are entries for each second of CPU, so that they hold for one core
whatever else the machine does; a report's time is the wall clock's. Usage, from the top of the tree:
python -m bench.log_copy FOLDER --entries N && python -m bench.log_check FOLDER
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from padan.audit.mirror.report import REPORTS


def measure(*words: str) -> tuple[dict[str, int], float, float, int]:
    """Run a command of padan-audit; give what it printed, CPU and wall seconds, and its largest memory in MiB."""
    began = time.perf_counter()
    command = [sys.executable, "-c", "from padan.audit.cli import main; main()", *words, "--json"]
    with tempfile.TemporaryFile() as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        sink.seek(0)
        printed = sink.read()
    if process.returncode:
        raise SystemExit(f"{words[0]} ended with {process.returncode}")
    wall = time.perf_counter() - began
    return json.loads(printed), usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss // 1024


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mirror", action="store_true", help="measure a second copy of the tree too")
    options = parser.parse_args()
    copy, policy = str(options.folder / "copy"), str(options.folder / "policy")
    found, cpu, wall, memory = measure("verify", copy, "--policy", policy)
    size = found["size"]
    print(f"verify    {size:,} entries: {size / cpu:,.0f}/s of CPU; {wall:.1f} s wall; {memory} MiB")
    if options.mirror:
        second = options.folder / "second"
        _, cpu, wall, memory = measure("mirror", copy, str(second), "--policy", policy)
        print(f"mirror    {size:,} leaves: {size / cpu:,.0f}/s of CPU; {wall:.1f} s wall; {memory} MiB")
        shutil.rmtree(second)
        second.with_name("second.trusted").unlink()
    for name in REPORTS:
        _, cpu, wall, memory = measure("report", name, copy)
        print(f"report    {name:12} {wall:5.2f} s wall, {cpu:5.2f} s CPU; {memory} MiB")


if __name__ == "__main__":
    main()
