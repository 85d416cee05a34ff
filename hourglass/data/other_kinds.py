"""Messages for file types that are not supported, with advice."""

import zipfile
from itertools import islice
from pathlib import Path

FROM_PYTHON = "and pass it to hourglass.train from Python"
KINDS = {   # endings: name of the file type, and advice
    (".xlsx", ".xls", ".ods"): ("a spreadsheet", "save its sheet as .csv"),
    (".json", ".jsonl", ".ndjson"): ("JSON", f"read it with pandas.read_json {FROM_PYTHON}"),
    (".feather", ".arrow"): ("a table of Arrow", f"read it with pandas.read_feather {FROM_PYTHON}"),
    (".arff",): ("ARFF", f"read it with scipy.io.arff.loadarff {FROM_PYTHON}"),
    (".db", ".sqlite", ".sqlite3"): ("a database", f"read a table with pandas.read_sql "
                                                   f"{FROM_PYTHON}"),
    (".pkl", ".pickle", ".joblib"): ("a pickle, which may run code when it is opened", f"open it "
                                     f"yourself {FROM_PYTHON}, or save its array as .npy"),
    (".pt", ".pth", ".ckpt", ".safetensors"): ("a file of torch", f"load its tensor "
                                               f"{FROM_PYTHON}, or save it as .npy"),
    (".h5ad",): ("a file of AnnData", f"read it with anndata.read_h5ad, take .X {FROM_PYTHON}"),
    (".h5", ".hdf5", ".hdf", ".nc", ".zarr"): ("HDF5 or a relative of it", f"read its array with "
                                               f"h5py {FROM_PYTHON}, or save it as .npy"),
    (".mtx", ".mtx.gz"): ("a sparse matrix", f"read it with scipy.io.mmread {FROM_PYTHON}"),
    (".nii", ".nii.gz", ".dcm"): ("a medical image", f"read its array with nibabel or pydicom "
                                  f"{FROM_PYTHON}, or save its slices as TIFF"),
    (".mp4", ".avi", ".mov", ".mkv", ".webm"): ("a video", "make images of its frames, as with "
                                                "ffmpeg -i clip.mp4 frames/%05d.png"),
    (".wav", ".mp3", ".flac", ".ogg"): ("a sound", "save its samples (T,) as .npy, and write "
                                        "series('sound.npy', window=1024)"),
    (".heic", ".heif", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".psd", ".exr", ".hdr", ".jxl",
     ".svg"): ("an image of a kind that cannot be read", "save it as PNG, TIFF or JPEG"),
    (".rar", ".7z"): ("an archive of another kind", "unpack it, and pass the folder"),
}
READ = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".csv.gz", ".npy", ".npz", ".mat")
LOOKED_AT = 1000   # names in a folder or zip


def refusal_of(path: Path) -> str:
    """Why a file cannot be read, with advice; "" for an unknown type."""
    name = path.name.lower()
    what = next((words for endings, words in KINDS.items() if name.endswith(endings)), None)
    return f"{path} is {what[0]}; {what[1]}" if what else ""


def others_in(place: str | Path) -> str:
    """The end of a sentence on the other files in a folder or zip without images; "" if they are
    unknown."""
    path = Path(place).expanduser()
    try:
        if path.is_dir():
            names = [file.name for file in islice(sorted(path.iterdir()), LOOKED_AT)]
        elif path.is_file() and zipfile.is_zipfile(path):   # a pipe would never be read
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()[:LOOKED_AT]
        else:
            return ""
    except (OSError, zipfile.BadZipFile):
        return ""
    readable = [name for name in names if name.lower().endswith(READ)]
    if not readable:
        return ""
    what = "file is a table or an array" if len(readable) == 1 else "files are tables or arrays"
    way = "pass one by its path" if path.is_dir() else "unpack it, and pass one by its path"
    return f"; {len(readable):,} {what}, such as {readable[0]}: {way}"
