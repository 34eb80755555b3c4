"""Jobs: many files in, one annotated file out for each, every one done once and nothing lost.

A job is a folder. What is in it is described in :mod:`.folder`; how a file is committed in :mod:`.commit`.
"""

from gliner_adapters.jobs.estimate import Estimate, estimate
from gliner_adapters.jobs.export import export, label_counts
from gliner_adapters.jobs.folder import JobFolder
from gliner_adapters.jobs.inputs import Input
from gliner_adapters.jobs.records import DeadLetter, FileRecord, InputRecord, OutputRecord
from gliner_adapters.jobs.run import JobSummary, retry, run
from gliner_adapters.jobs.settings import JobSettings
from gliner_adapters.jobs.status import JobStatus, status
from gliner_adapters.jobs.verify import verify

__all__ = [
    "DeadLetter",
    "Estimate",
    "FileRecord",
    "Input",
    "InputRecord",
    "JobFolder",
    "JobSettings",
    "JobStatus",
    "JobSummary",
    "OutputRecord",
    "estimate",
    "export",
    "label_counts",
    "retry",
    "run",
    "status",
    "verify",
]
