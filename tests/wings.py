"""The wings of hourglass/, from the bottom up: what each holds, and what it may import."""

WINGS = {   # wing: (what it holds, the wings it may import)
    "core": ("registries, expressions, contracts, files, devices", ()),
    "data": ("a name, path or array becomes samples in splits", ("core",)),
    "model": ("backbones, bottlenecks, likelihoods, losses, the autoencoder", ("core",)),
    "run": ("settings, recipes, the run folder, the weights file", ("core", "data", "model")),
    "training": ("the loop, validation, checkpoints, optimisers",
                 ("core", "data", "model", "run")),
    "inference": ("a trained model in use: latents, priors, detectors, codecs",
                  ("core", "data", "model", "run")),
    "analysis": ("snapshot, metrics, figures, report, explorer",
                 ("core", "data", "model", "run", "training", "inference")),
    "tasks": ("what people do, a file each",
              ("core", "data", "model", "run", "training", "inference", "analysis")),
    "searching": ("many models: searched, chosen, combined",
                  ("core", "data", "model", "run", "training", "inference", "analysis", "tasks")),
    "serving": ("a trained model over HTTP",
                ("core", "data", "model", "run", "training", "inference", "analysis", "tasks",
                 "searching")),
    "studio": ("everything in a browser",
               ("core", "data", "model", "run", "training", "inference", "analysis", "tasks",
                "searching", "serving")),
    "sklearn.py": ("estimators for scikit-learn",
                   ("core", "data", "model", "run", "training", "inference", "analysis", "tasks")),
    "pyod.py": ("a detector as pyod has them",
                ("core", "data", "model", "run", "training", "inference", "analysis", "tasks",
                 "sklearn.py")),
    "cli": ("the command line",
            ("core", "data", "model", "run", "training", "inference", "analysis", "tasks",
             "searching", "serving", "studio")),
}
# files that import a wing above their own, inside a function, and its names: none
CLIMBS: dict[str, set[str]] = {}
KINDS = {   # a kind of part: other files of its own wing that it may import
    "data/augmentations.py": set(),
    "model/backbones": set(), "model/bottlenecks": set(), "model/likelihoods": set(),
    "model/losses": set(), "model/corruptions.py": set(), "model/conditioning.py": set(),
    "model/weight_schedules.py": set(), "model/recommenders.py": {"model/parts.py"},
    "model/first_stages.py": {"model/parts.py"},
    "model/denoisers": set(),
    "model/line_models.py": {"model/parts.py"},
    "model/named.py": {"model/first_stages.py", "model/line_models.py", "model/parts.py",
                       "model/recommenders.py"},
    "model/parts.py": {"model/conditioning.py", "model/corruptions.py"},
    "training/optimisers.py": {"training/muon.py"}, "training/muon.py": set(),
    "training/lr_schedules.py": set(), "training/early_stopping.py": set(),
    "model/no_decoder.py": set(), "model/older_texts.py": set(),
    "inference/priors": set(), "inference/detectors": set(), "inference/thresholds.py": set(),
    "inference/text_encoders": set(),
    "inference/features": {"inference/batches.py"},
    "analysis/metrics": {"analysis/snapshot.py", "analysis/latent_grids.py"},
    "analysis/figures": {"analysis/snapshot.py", "analysis/latent_grids.py",
                         "analysis/disentanglement"},
    "analysis/disentanglement": set(),
}


def tree() -> str:
    """The wings as README shows them: a line each, what it holds."""
    wide = max(len(name) for name in WINGS) + 1
    return "\n".join(f"{name + '/' * ('.' not in name):<{wide + 1}} {holds}"
                     for name, (holds, _) in WINGS.items())
