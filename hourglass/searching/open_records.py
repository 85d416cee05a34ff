"""The trials of a study's folder, without its data."""

from .database import told
from .objectives import Aim
from .records import Records, read_records
from .space import read_space
from .storage import open_storage
from .study_folder import StudyFolder


def records_in(folder: StudyFolder) -> Records:
    """All trials of a study. Raises ValueError for a folder that is none."""
    asked, values = folder.read()
    aims = tuple(Aim(name) for name in asked.metric.split(","))
    space = read_space(values, lambda text: None)
    study = open_storage(folder, asked, [aim.direction for aim in aims])
    with told(asked.storage):
        return read_records(study, folder, aims, space)
