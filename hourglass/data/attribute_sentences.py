"""Sentences from lists of CelebA's attributes: "a smiling young woman with glasses"."""

from collections.abc import Collection, Sequence

from .captions import Captions

ADJECTIVES = {"Attractive": "attractive", "Chubby": "chubby", "Pale_Skin": "pale", "Bald": "bald",
              "Smiling": "smiling", "Young": "young"}
COLOURS = {"Black_Hair": "black", "Blond_Hair": "blond", "Brown_Hair": "brown",
           "Gray_Hair": "gray"}
WAVES = {"Straight_Hair": "straight", "Wavy_Hair": "wavy"}
STRIKING = {"Eyeglasses": "glasses", "Mustache": "a mustache", "Goatee": "a goatee"}
BEARDS = ("Goatee", "5_o_Clock_Shadow")   # which say already that there is a beard
DETAILS = {
    "5_o_Clock_Shadow": "a five o'clock shadow", "Sideburns": "sideburns", "Bangs": "bangs",
    "Receding_Hairline": "a receding hairline", "Big_Lips": "big lips",
    "Narrow_Eyes": "narrow eyes", "Bags_Under_Eyes": "bags under the eyes",
    "Double_Chin": "a double chin", "High_Cheekbones": "high cheekbones",
    "Rosy_Cheeks": "rosy cheeks", "Oval_Face": "an oval face", "Heavy_Makeup": "heavy makeup",
    "Mouth_Slightly_Open": "a slightly open mouth"}
BROWS = {"Arched_Eyebrows": "arched", "Bushy_Eyebrows": "bushy"}
NOSES = {"Big_Nose": "big", "Pointy_Nose": "pointy"}
WORN = {"Wearing_Hat": "a hat", "Wearing_Earrings": "earrings", "Wearing_Lipstick": "lipstick",
        "Wearing_Necklace": "a necklace", "Wearing_Necktie": "a necktie"}


def sentences(rows: Sequence[Collection[str]], names: Collection[str]) -> Captions:
    """Captions of faces: of each a short one, and one with all details.

    `rows` are the attributes that each face has, `names` all attributes of the list.
    """
    return tuple(tuple(dict.fromkeys((sentence(row, names, details=False), sentence(row, names))))
                 for row in rows)


def sentence(present: Collection[str], names: Collection[str], details: bool = True) -> str:
    """One sentence without a full stop. Without `details`, it says only what strikes the eye:
    hair, beard, glasses and hat."""
    who = "person" if "Male" not in names else "man" if "Male" in present else "woman"
    adjectives = [word for name, word in ADJECTIVES.items() if name in present]
    head = with_article(" ".join([*adjectives, who]))
    features = _features(present, names, details)
    worn = [word for name, word in WORN.items()
            if name in present and (details or name == "Wearing_Hat")]
    parts = [head]
    if features:
        parts.append(f"with {listed(features)}")
    text = " ".join(parts)
    if worn:
        text += f"{',' if features else ''} wearing {listed(worn)}"
    return f"{text}, in a blurry picture" if "Blurry" in present and details else text


def _features(present: Collection[str], names: Collection[str], details: bool) -> list[str]:
    """What follows "with"."""
    features = []
    colours = [word for name, word in COLOURS.items() if name in present]
    waves = [word for name, word in WAVES.items() if name in present] if details else []
    if colours or waves:
        hair = [" and ".join(waves), " and ".join(colours), "hair"]
        features.append(" ".join(filter(None, hair)))
    features += [word for name, word in STRIKING.items() if name in present]
    bearded = "No_Beard" in names and "No_Beard" not in present
    if bearded and not any(name in present for name in BEARDS):
        features.append("a beard")
    if not details:
        return features
    brows, noses = ([word for name, word in group.items() if name in present]
                    for group in (BROWS, NOSES))
    features += [f"{' '.join(brows)} eyebrows"] if brows else []
    features += [f"a {' '.join(noses)} nose"] if noses else []
    return [*features, *(word for name, word in DETAILS.items() if name in present)]


def with_article(words: str) -> str:
    """The words after "a" or "an"."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def listed(words: Sequence[str]) -> str:
    """"a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
