"""What a user writes about a run, and the way from there to a started run.

``ScriptRunConfig`` and ``RunConfiguration`` are written, ``planning.plan`` turns them into a
frozen ``JobSpec`` without changing anything, ``submission.submit`` acts.
"""
