"""The command line: `explorer app`, `list`, `layers`, `compare` and `receptive-field`.

Each command is a few lines over the public API; torch, pandas and Gradio are imported by the commands that need them,
so that `explorer --help` and `explorer list` answer at once. What is wrong is said in one sentence on stderr.
"""

from explorer.cli.commands import main

__all__ = ["main"]
