"""Search with jobs of a cluster: submit workers of a study, and follow them until they end."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.console import say
from ..core.exit_codes import INTERRUPTED
from ..run.load_data import forget
from ..training.interrupts import Interrupts
from .cluster_options import ClusterOptions
from .cluster_worker import PATIENCE, ClusterWorker
from .database import PASSWORD, password_of
from .run_search import is_held
from .study import Study
from .study_setup import SearchPlan

if TYPE_CHECKING:
    from submitit import AutoExecutor, Job

LOOK = 0.5     # seconds between two looks at the jobs
LOGS = "jobs"  # folder in the study's folder


def check_cluster(options: ClusterOptions) -> None:
    """Check that jobs can be submitted from here. Raises ValueError."""
    try:
        import submitit
    except ImportError:
        raise ValueError("--cluster needs submitit: pip install 'hourglass[cluster]'") from None
    if options.executor == "slurm" and submitit.SlurmExecutor.affinity() < 0:
        raise ValueError("Slurm is not on this machine: there is no srun. Give the command on a "
                         "login node, or set executor = \"local\"")


def search_on(plan: SearchPlan, options: ClusterOptions, workers: int) -> tuple[str, Study]:
    """Search with jobs; why it ended, "" where Ctrl-C stopped it, and the study. Raises ValueError
    where no job can be submitted, or all fail."""
    forget()   # the jobs read the data
    folder = plan.folder
    logs = folder.path / LOGS
    with Interrupts() as interrupts:   # from here on: jobs would ignore Ctrl-C as a shell's
        jobs = _submitted(plan, options, workers, logs)   # command in the background does
        say(f"{len(jobs)} job{'s' * (len(jobs) > 1)} of {options.executor}: "
            f"{', '.join(job.job_id for job in jobs)}. Their logs are in {logs}")
        if not options.wait:
            say(f"the jobs go on. To see their trials: {folder.table}, {folder.page}")
            return "the jobs are submitted", Study(folder.path)
        codes = _followed(jobs, interrupts)
        if interrupts.came or INTERRUPTED in codes:
            _cancelled(jobs, plan)
            return "", Study(folder.path)
    failed = [(job, code) for job, code in zip(jobs, codes, strict=True) if code]
    for job, code in failed:
        say(f"job {job.job_id} ended with {code}: {_last_line(job)}")
    if len(failed) == len(jobs):
        raise ValueError(f"all jobs have failed. Their logs are in {logs}")
    return "all jobs have ended", Study(folder.path)


def _submitted(
    plan: SearchPlan, options: ClusterOptions, workers: int, logs: Path
) -> "list[Job[int]]":
    """The jobs, each with a worker that joins the study."""
    import submitit
    password = password_of(plan.options.storage) if plan.options.storage else ""
    if password:   # jobs have the environment of this process
        os.environ[PASSWORD] = password
    try:
        executor: AutoExecutor = submitit.AutoExecutor(
            folder=logs, cluster=options.executor, slurm_max_num_timeout=options.requeues,
            local_max_num_timeout=options.requeues)
        executor.update_parameters(**options.parameters())
        worker = ClusterWorker((str(plan.folder.path.resolve()), "--workers", str(workers)))
        with executor.batch():
            jobs: list[Job[int]] = [executor.submit(worker) for _ in range(options.jobs)]
    except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError,
            RuntimeError, OSError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        message = next((line for line in lines if "error" in line), lines[0] if lines else "")
        raise ValueError(f"the jobs cannot be submitted: {message}. The study stays in "
                         f"{plan.folder.path}") from None
    return jobs


def _followed(jobs: "Sequence[Job[int]]", interrupts: Interrupts) -> list[Any]:
    """Until all jobs have ended or Ctrl-C comes: the exit code of each, or what became of it."""
    states = [""] * len(jobs)
    codes: dict[int, Any] = {}
    while len(codes) < len(jobs) and not interrupts.came and INTERRUPTED not in codes.values():
        for place, job in enumerate(jobs):
            if place in codes:
                continue
            if job.done():
                codes[place] = _code_of(job)
                say(f"job {job.job_id} has ended; {len(jobs) - len(codes)} left")
            elif job.state != states[place]:
                states[place] = job.state
                say(f"job {job.job_id}: {job.state.lower()}")
        time.sleep(LOOK)
    return [codes.get(place) for place in range(len(jobs))]


def _code_of(job: "Job[int]") -> Any:
    """The exit code of a job's worker, or the state in which the job ended without one."""
    try:
        return job.result()
    except Exception:   # of many kinds: killed, over its time, not started
        return f"state {job.state.lower()}"


def _last_line(job: "Job[int]") -> str:
    """The last line that a job's worker wrote."""
    lines = [line for line in (job.stderr() or "").splitlines() if line.strip()]
    said = [line for line in lines if line.startswith("hourglass: ")] or lines
    return said[-1].removeprefix("hourglass: ") if said else "it wrote nothing"


def _cancelled(jobs: "Sequence[Job[int]]", plan: SearchPlan) -> None:
    """Cancel the jobs, and wait until their trials have written their checkpoints."""
    say("the jobs are cancelled; their trials write their checkpoints ...")
    for job in jobs:
        job.cancel(check=False)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and any(is_held(plan.folder, trial.number)
                                           for trial in plan.records().of_state("running")):
        time.sleep(LOOK)
    say(f"interrupted; nothing is lost. To continue, give --cluster again: hourglass search "
        f"{plan.folder.path} --cluster ...")
