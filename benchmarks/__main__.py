"""The command line: `python -m benchmarks run JOB | all | sweep | cost | list`."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from benchmarks import cost, sweep, table
from benchmarks.floors import FLOORS
from benchmarks.jobs import JOBS
from benchmarks.measure import Row, Setting, WrongResult, measure
from benchmarks.report import report
from benchmarks.systems.mpspdz import SYSTEMS as OPTIONAL
from steelyard.errors import SteelyardError


def main(words: Sequence[str] | None = None) -> int:
    """0, or 1 when something failed or a floor is not met."""
    arguments = _parser().parse_args(words)
    try:
        return int(arguments.command(arguments))
    except (SteelyardError, WrongResult, ValueError, OSError, subprocess.SubprocessError) as error:
        report(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


def run(arguments: argparse.Namespace) -> int:
    """One job."""
    job = JOBS[arguments.job]
    size = job.size if arguments.size is None else arguments.size
    setting = Setting(job.name, arguments.parties, arguments.threshold, size)
    systems = _present(setting, [each for each in job.systems if each in arguments.systems])
    if not systems:
        raise ValueError(f"nothing to measure: {job.name} is for {', '.join(job.systems)}")
    rows = measure(job, setting, systems, arguments.runs or job.runs, report)
    _print_json(_plain(rows)) if arguments.json else table.show(rows)
    return 0


def all_floors(arguments: argparse.Namespace) -> int:
    """Every floor, one table; MPyC where a floor is about it, MP-SPDZ where it is built."""
    measured = []
    for floor in FLOORS:
        job = JOBS[floor.setting.job]
        systems = _present(floor.setting, [*floor.systems, *(each for each in job.systems if each in OPTIONAL)])
        measured.append((floor, measure(job, floor.setting, systems, arguments.runs or job.runs, report)))
    if arguments.json:
        _print_json(_plain([row for _, rows in measured for row in rows]))
    else:
        table.show_floors(measured)
    return 0 if all(floor.met(rows) for floor, rows in measured) else 1


def sweeping(arguments: argparse.Namespace) -> int:
    """How comparing grows: with parties, with the batch, with added delay."""
    found = []
    for point in sweep.points(arguments.size, arguments.largest):
        report(f"{point.series}: {point.setting}, {point.delay_ms} ms of delay")
        found.append((point, point.measured(arguments.runs, report)))
    if arguments.json:
        _print_json([sweep.to_json(point, row) for point, row in found])
    else:
        table.show_sweep(found)
    return 0


def costing(arguments: argparse.Namespace) -> int:
    """What an AND gate and a comparison cost, next to what this machine takes for their bytes alone."""
    speeds, found = cost.costs(arguments.parties, arguments.threshold, arguments.size, arguments.runs, report)
    if arguments.json:
        _print_json({"bytes_per_second": speeds, "costs": [each.to_json() for each in found]})
    else:
        table.show_costs(speeds, found)
    return 0


def list_jobs(arguments: argparse.Namespace) -> int:
    """What there is to measure."""
    for job in JOBS.values():
        print(f"{job.name:10}{job.about}  [{', '.join(job.systems)}]")
    return 0


def _present(setting: Setting, systems: Sequence[str]) -> list[str]:
    """Those that can be measured here; what is left out is said."""
    left_out = {each: reason for each in systems if each in OPTIONAL and (reason := OPTIONAL[each].missing(setting))}
    for system, reason in left_out.items():
        report(f"note: {setting}: {system} is left out: {reason}")
    return [each for each in systems if each not in left_out]


def _plain(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [each.to_json() for each in rows]


def _print_json(answer: object) -> None:
    print(json.dumps(answer, indent=2))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measured on this machine, in one run.")
    commands = parser.add_subparsers(required=True)
    running = _command(commands, "run", run)
    running.add_argument("job", choices=sorted(JOBS))
    running.add_argument("--size", type=_positive, metavar="M", help="values per party (default: the job's)")
    running.add_argument("--systems", type=_systems, default="steelyard,mpyc", help="default: steelyard,mpyc")
    growing, pricing = _command(commands, "sweep", sweeping), _command(commands, "cost", costing)
    growing.add_argument(
        "--size", type=_positive, default=10_000, metavar="M", help="batch where parties or delay grow"
    )
    growing.add_argument("--largest", type=_positive, default=1_000_000, metavar="M", help="batch of the batch series")
    pricing.add_argument("--size", type=_positive, default=100_000, metavar="M", help="comparisons")
    for each in (running, pricing):
        each.add_argument("--parties", type=_positive, default=3, metavar="N")
        each.add_argument("--threshold", type=_positive, default=2, metavar="K")
    for each, runs in ((running, None), (_command(commands, "all", all_floors), None), (growing, 5), (pricing, 5)):
        default = runs or "the job's"
        each.add_argument(
            "--runs", type=_positive, default=runs, help=f"per system, after a warm-up (default: {default})"
        )
        each.add_argument("--json", action="store_true", help="JSON on stdout; progress stays on stderr")
    _command(commands, "list", list_jobs)
    return parser


def _command(commands: Any, name: str, command: Any) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(name, help=command.__doc__, description=command.__doc__)
    made.set_defaults(command=command)
    return made


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("a positive number")
    return value


def _systems(text: str) -> list[str]:
    known = {system for job in JOBS.values() for system in job.systems}
    asked = text.split(",")
    if not set(asked) <= known:
        raise argparse.ArgumentTypeError(f"known systems are {', '.join(sorted(known))}")
    return asked


def _terminated(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminated)  # processes are ended on the way out
    sys.exit(main())
