"""Training on what people reviewed on the page: ``serve --train DIR``.

    the page ──► documents.jsonl ──► a snapshot and job.json ──► child process: api.adapt, then both adapters scored
                                                                        │ progress.json, checkpoints
    the library of adapters ◄── adapters/NAME ◄─────────────────────────┘

:mod:`.documents` keeps what was reviewed, :mod:`.job` says what is in the folder, :mod:`.child` is the process that
trains and :mod:`.trainings` starts, watches and ends it. Whatever is killed, the server or the child, the files say
how it goes on. Nothing is imported here, so that the child is out of the way before it does anything that takes time.
"""
