"""Projects: the whole state of a session as one folder of open formats, saved in a way that loses nothing."""

from .manifest import MANIFEST, VERSION, holds_project
from .opening import OpenedProject, iter_open_project, open_project
from .presence import Presence
from .recovery import Recoverable, RecoveryFolder, list_recoverable
from .saving import Project
from .state import ProjectState, snapshot

__all__ = [
    "MANIFEST",
    "VERSION",
    "OpenedProject",
    "Presence",
    "Project",
    "ProjectState",
    "Recoverable",
    "RecoveryFolder",
    "holds_project",
    "iter_open_project",
    "list_recoverable",
    "open_project",
    "snapshot",
]
