"""The options of a cluster's jobs, as a TOML file has them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from ..core.hints import did_you_mean
from ..run.folder import read_toml
from .toml_values import check_type

EXECUTORS = ("slurm", "local", "debug")


@dataclass(frozen=True)
class ClusterOptions:
    """The number of jobs and their resources. The options after `setup` are for Slurm only."""

    executor: str = "slurm"    # local: processes of this machine; debug: one after the other
    jobs: int = 1              # each is a worker of the study
    minutes: int = 60          # time limit of a job
    requeues: int = 3          # how often a job may start again after its time limit
    cpus: int = 1
    gpus: int = 0
    memory_gb: float = 0.0     # 0: the cluster's default
    name: str = "hourglass"
    wait: bool = True          # until all jobs have ended
    setup: list[str] = field(default_factory=list)   # shell commands before each worker
    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    exclude: str = ""
    at_once: int = 0           # jobs that run at the same time; 0: all
    sbatch: dict[str, Any] = field(default_factory=dict)   # further options of sbatch

    def parameters(self) -> dict[str, Any]:
        """The same as submitit names it."""
        slurm = {"partition": self.partition, "account": self.account, "qos": self.qos,
                 "constraint": self.constraint, "exclude": self.exclude, "setup": self.setup,
                 "array_parallelism": self.at_once or self.jobs,
                 "additional_parameters": self.sbatch}
        usual = {"mem_gb": self.memory_gb, "gpus_per_node": self.gpus, "local_setup": self.setup,
                 **{f"slurm_{name}": value for name, value in slurm.items()}}
        return {"name": self.name, "timeout_min": self.minutes, "cpus_per_task": self.cpus,
                "nodes": 1, "tasks_per_node": 1,
                **{name: value for name, value in usual.items() if value}}


def read_cluster(path: Path) -> ClusterOptions:
    """Read the options of a file. Raises ValueError for an option that there is not, or a value of
    another type."""
    values, hints = read_toml(path), get_type_hints(ClusterOptions)
    for name, value in values.items():
        if name not in hints:
            raise ValueError(f"{path} has no option {name!r} of a cluster; "
                             f"{did_you_mean(name, hints)}. Further options of sbatch belong "
                             f"into its table [sbatch]")
        check_type(path, name, value, hints[name])
    options = ClusterOptions(**values)
    if options.executor not in EXECUTORS:
        raise ValueError(f"{path}: executor is one of {', '.join(EXECUTORS)}, not "
                         f"{options.executor!r}; {did_you_mean(options.executor, EXECUTORS)}")
    for name in ("jobs", "minutes", "cpus"):
        if getattr(options, name) < 1:
            raise ValueError(f"{path}: {name} must be at least 1")
    for name in ("gpus", "memory_gb", "at_once", "requeues"):
        if getattr(options, name) < 0:
            raise ValueError(f"{path}: {name} must not be below 0")
    return options
