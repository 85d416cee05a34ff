"""Numbers that RDKit computes from molecules: properties, descriptors, fingerprints, scaffolds."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..core.hints import did_you_mean
from .chemistry import molecule_of, rdkit

BITS, RADIUS = 1024, 2   # of a Morgan fingerprint, as in MOSES
# name: what it is; users may write any case
PROPERTIES = {
    "logP": "octanol-water partition coefficient (Crippen)",
    "qed": "drug-likeness, 0 to 1 (QED of Bickerton et al., 2012)",
    "SAS": "synthetic accessibility, 1 is easy and 10 hard (Ertl & Schuffenhauer, 2009)",
    "weight": "molecular weight, in daltons",
    "tpsa": "topological polar surface area, in square angstroms",
    "atoms": "heavy atoms", "rings": "rings", "donors": "donors of hydrogen bonds",
    "acceptors": "acceptors of hydrogen bonds", "rotatable": "rotatable bonds",
    "sp3": "share of the carbon atoms that are sp3",
}
ALIASES = {"logp": "logP", "sa": "SAS", "sas": "SAS", "sa_score": "SAS", "qed": "qed",
           "mw": "weight", "molwt": "weight", "weight": "weight", "num_rings": "rings"}
OF_MOSES = ("logP", "qed", "SAS", "weight")   # whose distributions MOSES compares
DESCRIPTORS = ("logP", "weight", "tpsa", "atoms", "rings", "donors", "acceptors", "rotatable",
               "sp3", "refractivity", "aromatic", "stereo", "charge", "nitrogen", "oxygen",
               "halogen")


@lru_cache(1)
def _functions() -> dict[str, Any]:
    """The function of each property and descriptor, of an RDKit molecule."""
    rdkit()
    from rdkit.Chem import QED, Crippen, Descriptors, rdMolDescriptors

    def count(*numbers: int) -> Any:
        return lambda molecule: sum(atom.GetAtomicNum() in numbers for atom in molecule.GetAtoms())
    return {"logP": Crippen.MolLogP, "qed": QED.qed, "SAS": _accessibility(),   # type: ignore[attr-defined]
            "weight": Descriptors.MolWt, "tpsa": rdMolDescriptors.CalcTPSA,   # type: ignore[attr-defined]
            "atoms": lambda molecule: molecule.GetNumHeavyAtoms(),
            "rings": rdMolDescriptors.CalcNumRings, "donors": rdMolDescriptors.CalcNumHBD,
            "acceptors": rdMolDescriptors.CalcNumHBA,
            "rotatable": rdMolDescriptors.CalcNumRotatableBonds,
            "sp3": rdMolDescriptors.CalcFractionCSP3, "refractivity": Crippen.MolMR,   # type: ignore[attr-defined]
            "aromatic": rdMolDescriptors.CalcNumAromaticRings,
            "stereo": rdMolDescriptors.CalcNumAtomStereoCenters,
            "charge": lambda molecule: rdkit().GetFormalCharge(molecule),
            "nitrogen": count(7), "oxygen": count(8), "halogen": count(9, 17, 35, 53)}


def _accessibility() -> Any:
    """RDKit's contributed score of synthetic accessibility. Some builds of RDKit lack it."""
    def missing(molecule: Any) -> float:
        raise ValueError("this RDKit has no SA_Score, so SAS cannot be computed; install rdkit "
                         "with pip")
    try:
        from rdkit.Contrib.SA_Score import sascorer
    except ImportError:
        return missing
    return sascorer.calculateScore


def property_name(name: str) -> str:
    """The name of a property, in any case or as others call it; "" for an unknown one."""
    return ALIASES.get(name.lower(), next((known for known in PROPERTIES
                                           if known.lower() == name.lower()), ""))


def check_property(name: str, also: Sequence[str] = ()) -> str:
    """The name of a property of RDKit, or of a column of the data (`also`). Raises ValueError."""
    known_name = name if name in also else property_name(name)
    if not known_name:
        raise ValueError(f"no property is named {name!r}; "
                         f"{did_you_mean(name, list(dict.fromkeys([*also, *PROPERTIES])))}")
    return known_name


def property_of(name: str, molecule: Any) -> float:
    """A property or descriptor of an RDKit molecule."""
    return float(_functions()[name](molecule))


def properties_of(name: str, smiles: Sequence[str]) -> np.ndarray:
    """A property (N,) of molecules; NaN for a SMILES that cannot be read."""
    molecules = [molecule_of(text) for text in smiles]
    return np.array([np.nan if molecule is None else property_of(name, molecule)
                     for molecule in molecules])


def descriptors_of(molecules: Sequence[Any]) -> np.ndarray:
    """The DESCRIPTORS (N, F) of RDKit molecules."""
    return np.array([[property_of(name, molecule) for name in DESCRIPTORS]
                     for molecule in molecules]).reshape(len(molecules), len(DESCRIPTORS))


def fingerprints_of(molecules: Sequence[Any]) -> np.ndarray:
    """Morgan fingerprints (N, BITS) of radius 2, as 0 and 1."""
    from rdkit.Chem import rdFingerprintGenerator
    maker = rdFingerprintGenerator.GetMorganGenerator(RADIUS, fpSize=BITS)
    fingerprints = [maker.GetFingerprintAsNumPy(molecule) for molecule in molecules]
    return np.array(fingerprints, np.float32).reshape(len(fingerprints), BITS)


def scaffolds_of(molecules: Sequence[Any]) -> Counter[str]:
    """How often each Bemis-Murcko scaffold occurs; molecules without a ring have none."""
    from rdkit.Chem.Scaffolds import MurckoScaffold
    scaffolds = Counter(str(MurckoScaffold.MurckoScaffoldSmiles(mol=molecule))
                        for molecule in molecules)
    scaffolds.pop("", None)
    return scaffolds
