"""The trials of a study's folder, without its data."""

from .aims import Aim
from .database import database_errors
from .records import Records, read_records
from .space import read_space
from .storage import find_study, make_storage, open_storage
from .study_folder import StudyFolder


def records_in(folder: StudyFolder) -> Records:
    """All trials of a study. Raises ValueError for a folder that is none."""
    options, values = folder.read()
    aims = tuple(Aim(name) for name in options.metric.split(","))
    space = read_space(values, lambda text: None)
    study = open_storage(folder, options, [aim.direction for aim in aims])
    with database_errors(options.storage):
        return read_records(study, folder, aims, space)


def records_so_far(folder: StudyFolder) -> Records:
    """All trials of a study, also while it is being made: nothing is written. Raises ValueError for
    a folder that is none, and for one whose trials are in a database."""
    options, values = folder.read()
    if options.storage:
        raise ValueError(f"the trials of this search are in a database. To see them: hourglass "
                         f"search {folder.path}, which writes study.html")
    aims = tuple(Aim(name) for name in options.metric.split(","))
    space = read_space(values, lambda text: None)
    study = None
    if folder.journal.is_file():
        study = find_study(make_storage(folder, options), options.name)
    if study is None:
        return Records(folder, aims, (), {name: str(hole) for name, hole in space.holes.items()})
    return read_records(study, folder, aims, space)
