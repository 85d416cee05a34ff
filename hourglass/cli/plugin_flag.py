"""The flag --plugin: files of own parts, which any command takes."""


def plugins_of(words: list[str]) -> tuple[list[str], list[str]]:
    """A command's words without `--plugin FILE`, which may stand anywhere, and these files. Raises
    ValueError where the file is left out."""
    others: list[str] = []
    plugins: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            return [*others, word, *rest], plugins
        if word.partition("=")[0] != "--plugin":
            others.append(word)
            continue
        file = word.partition("=")[2] or next(rest, "")
        if not file or file.startswith("--"):
            raise ValueError("--plugin takes a file, as in --plugin parts.py")
        plugins.append(file)
    return others, plugins
