"""The command line's part that puts a trained model to work."""

import typer

use_commands = typer.Typer()
