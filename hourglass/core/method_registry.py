"""Methods of a trained model that wings above inference define: `Trained` finds them here by name.

A method of `Trained` that needs figures, metrics or a command's work imports none of them. The
wing that does the work registers a function under the method's name."""

from .registry import Registry

uses = Registry("use", "hourglass.tasks.model_methods", 1, "(model, ...) -> what was found or made")
