"""What can go wrong before there is an engine."""


class EngineProblem(Exception):
    """There is no engine, and why; the text says what a person can do."""
