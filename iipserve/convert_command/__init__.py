"""`iipserve convert`: makes pyramids of image files, one by one or folder by folder."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TextIO

from iipserve.command_line import finished, settings, terminable
from iipserve.command_line.cluster import results_of
from iipserve.command_line.progress import Progress
from iipserve.config import Config
from iipserve.convert_command.converting import converted, rows_of
from iipserve.convert_command.folders import begun, is_same, jobs_of, recorded
from iipserve.convert_command.parser import ending_of, options_of, parser
from iipserve.convert_command.values import Job, Outcome
from iipserve.errors import Conflict, InvalidRequest

Options = argparse.Namespace


def main(arguments: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run the command. The exit status is 0, or 1 if something was not converted, and 2 for wrong usage.

    Args:
        arguments: after `convert`.
        environ: environment with the settings.
        out: stream for the sum at the end.
        err: stream for progress, failures and mistakes.
    """
    options = parser().parse_args(arguments)
    config = settings(environ, err)
    if config is None:
        return 1
    run = _folder if os.path.isdir(options.source) else _file
    with terminable():
        return finished(partial(run, options, config, out, err), err)


def _file(options: Options, config: Config, out: TextIO, err: TextIO) -> int:
    job = Job(os.path.abspath(options.source), os.path.abspath(options.target), options_of(options))
    ending_of(job.target)
    if is_same(job.source, job.target):
        raise InvalidRequest(
            f"{options.target!r} is the file that is converted; the result needs another name"
        )
    if os.path.lexists(job.target) and not options.overwrite:
        raise Conflict(f"{options.target!r} is there already; --overwrite replaces it")
    if not os.path.isfile(job.source):
        raise InvalidRequest(f"there is no file {options.source!r}")
    with Progress(err, os.path.basename(job.target), rows_of(job, config)) as progress:
        outcome = converted(job, config, progress.step)
    if outcome.failure:
        err.write(f"{options.source}: {outcome.failure}\n")
        return 1
    out.write(f"{options.target}: converted and verified\n")
    return 0


def _folder(options: Options, config: Config, out: TextIO, err: TextIO) -> int:
    source, target = os.path.abspath(options.source), os.path.abspath(options.target)
    if os.path.exists(target) and not os.path.isdir(target):
        raise Conflict(f"{options.target!r} is a file; the images of a folder are converted into a folder")
    if is_same(source, target):
        raise InvalidRequest("images are converted into another folder")
    jobs = jobs_of(source, target, options.ending, options_of(options), config)
    failures: list[Outcome] = []
    with recorded(target) as record, Progress(err, "converting", len(jobs)) as progress:
        waiting = [job for job in jobs if not record.is_done(job)]
        progress.step(len(jobs) - len(waiting))
        work = partial(converted, config=config)
        sources = [job.source for job in jobs]
        allowed = begun(waiting, sources, record, failures.append, overwrite=options.overwrite)
        for outcome in results_of(work, allowed, Outcome, jobs=options.jobs, scheduler=options.scheduler):
            progress.step()
            record.note(outcome)
            if outcome.failure:
                failures.append(outcome)
        progress.reach(len(jobs))
    done = len(waiting) - len(failures)
    out.write(f"{done} converted, {len(jobs) - len(waiting)} unchanged, {len(failures)} failed\n")
    for outcome in sorted(failures):
        err.write(f"{os.path.relpath(outcome.job.source, source)}: {outcome.failure}\n")
    return 1 if failures else 0
