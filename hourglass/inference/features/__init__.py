"""Feature extractors: `(source, **options) -> Extractor`: maps at several depths, and a vector."""

from . import classifier, efficientnet, onnx_file, own_run, random_network
