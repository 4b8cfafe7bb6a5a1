"""The errors that a person is meant to read."""


class IngestError(Exception):
    """Something a person can put right. Its text is one line: what failed, where, and the remedy.

    Commands print the line and exit with code 1; anything else that is raised is a defect and keeps its traceback.
    """
