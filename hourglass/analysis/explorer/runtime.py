"""What runs ONNX in a browser: ONNX Runtime Web (MIT), of its npm package the two files needed."""

import io
import tarfile

from ...core.files import write_whole
from ...data.fetch import Remote, cache_folder, find_all, places

NAME = "onnxruntime-web-1.30.0"
SCRIPT = Remote("ort.wasm.bundle.min.mjs", (
    "sha256:11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",))
BINARY = Remote("ort-wasm-simd-threaded.wasm", (
    "sha256:3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",))
PACKAGE = Remote(f"{NAME}.tgz", (
    "sha256:d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71",),
    ("https://registry.npmjs.org/onnxruntime-web/-/",))


def runtime() -> tuple[bytes, bytes]:
    """The runtime's JavaScript module and its WebAssembly binary, downloaded at first use.

    Raises ValueError that says which file to put where, if it cannot be downloaded.
    """
    if not all(any((folder / file.name).is_file() for folder in places(NAME))
               for file in (SCRIPT, BINARY)):
        _unpack()
    script, binary = find_all(NAME, [SCRIPT, BINARY])
    return script, binary


def _unpack() -> None:
    """Keep the two files out of the package, and not its other 120 MB."""
    (package,) = find_all(NAME, [PACKAGE])
    kept = cache_folder() / NAME
    kept.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        for file in (SCRIPT, BINARY):
            content = archive.extractfile(f"package/dist/{file.name}")
            assert content is not None, file.name   # the digest agrees, so it is there
            write_whole(kept / file.name, content.read())
    (kept / PACKAGE.name).unlink(missing_ok=True)
