"""Which sequence an image is, told by its name or by its DICOM header."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

import SimpleITK as sitk

from ..errors import InvalidInput
from ..priors import DARK_BLOOD_LGE, LGE
from .dicom import check_series

# What scanners (Siemens, Philips, GE, Canon) and public data sets (MyoPS: DE, T2, C0; EMIDEC) call
# them; every blank stands for any separator or none. "de" is also a French word.
CONTRASTS = {
    LGE: r"LGE|PSIR|(?:PS ?)?MDE|DHE|late|delayed|tardif|viability|FIDDLE|DE[ ](?:MRI|CMR)|DEMRI"
    r"|(?:PS ?)?IR ?(?:b?SSFP|TrueFISP|TrUFI|TFE|TFL|FFE|F?GRE|TurboFLASH)"
    r"|(?-i:DE)(?=[ ](?:PSIR|IR|SAX?|LAX?|[234]CH|[23]D|tfl|high))|^(?-i:DE)|DE(?=[ \d]*$)",
    "T2": r"T2 ?(?:w|weighted|prep\w*|TSE|FSE|BB|DB|FS|SPAIR|SPIR)?|(?:T2 ?)?(?:STIR|TIRM)|ACUT2E",
}
# Of bSSFP; LGE and T2-prepared images may be read out so too.
READOUT = r"[bs]?SSFP|TrueFISP|TrUFI|FIESTA|s?B ?TFE|B ?FFE|bal(?:anced)? ?(?:TFE|FFE)"
CINE = r"cines?|C0"
DARK_BLOOD = r"DB|BB|dark ?blood|black ?blood|FIDDLE|DB ?LGE"
PHASE_SENSITIVE = r"PSIR|PS ?MDE|PS ?IR ?\w*|phase ?sensitive"
MAGNITUDE = r"mag|magn|magnitude"
# What looks alike by its name and is no such image.
OTHERS = (
    r"T2 ?(?:\*|star|map\w*)|T1 ?map\w*|\w*MOLLI|SASHA|maps?|TI ?scout|scouts?|look ?locker|flow"
    r"|locali[sz]ers?|survey|perf(?:usion)?|tag(?:ging)?|HASTE"
)

ENDINGS = r"\.(nii|nii\.gz|nrrd|nhdr|mha|mhd)$"
# DICOM tags of the names that a scanner and its users give a series.
DESCRIPTIONS = ("0008|103e", "0018|1030", "0018|0024", "0018|9005")
SCANNING_SEQUENCE, CONTRAST_AGENT, ECHO_TIME = "0018|0020", "0018|0010", "0018|0081"
IMAGE_TYPE = "0008|0008"
LONG_ECHO, SHORT_ECHO = 40.0, 10.0  # ms: what only T2-weighted images have; what these never have


def role(name: str) -> Optional[str]:
    """Return "LGE", "dark-blood LGE", "T2" or "bSSFP" where the name says so, else None.

    A name that says two, such as LGE and T2, says none; of "T2 in LGE space" the first counts.
    """
    words = re.split(r"\s(?:to|onto|in)\s", _words(name))[0]
    if _says(OTHERS, words):
        return None
    contrasts = [role for role, pattern in CONTRASTS.items() if _says(pattern, words)]
    if len(contrasts) > 1 or (contrasts and _says(CINE, words)):
        return None
    if contrasts:
        dark = contrasts == [LGE] and _says(DARK_BLOOD, words)
        return DARK_BLOOD_LGE if dark else contrasts[0]
    return "bSSFP" if _says(f"{READOUT}|{CINE}", words) else None


def contradictions(roles: Sequence[str], told: Sequence[Optional[str]]) -> list[str]:
    """Return which images are another sequence by their own names, or headers, than by `roles`.

    Dark-blood LGE is LGE here; an image whose name tells nothing contradicts nothing.
    """
    known = {LGE: LGE, DARK_BLOOD_LGE: LGE, "T2": "T2", "bSSFP": "bSSFP"}
    return [
        f"The image taken as {role} is {name} by its own name or DICOM header; check which file is "
        "which."
        for role, name in zip(roles, told)
        if role in known and name in known and known[role] != known[name]
    ]


def phase_sensitive(name: str) -> bool:
    """Tell whether a name says that the image is phase-sensitive, so that its 0 is no zero."""
    words = _words(name)
    return _says(PHASE_SENSITIVE, words) and not _says(MAGNITUDE, words)


def stem(path: Union[str, Path]) -> str:
    """Return an image file's name without its folder and its ending."""
    return re.sub(ENDINGS, "", Path(path).name, flags=re.IGNORECASE)


def describe(path: Union[str, Path]) -> str:
    """Return all that names an image: its file, or a DICOM series' folder and description."""
    header = _header(Path(path))
    kind = "phase sensitive" if {"R", "CR"} & set(header.get(IMAGE_TYPE, "").split("\\")) else ""
    return " ; ".join([stem(path), *(header.get(tag, "") for tag in DESCRIPTIONS), kind])


def file_role(path: Union[str, Path]) -> Optional[str]:
    """Return what an image is by its DICOM header, or else by its file's name; None if unsure.

    Of a header the names that the scanner and its users gave the series count first, then the
    physics: an echo time of 40 ms and more is T2, an inversion recovery with a short one after
    a contrast agent LGE.
    """
    header = _header(Path(path))
    told = {role(header[tag]) for tag in DESCRIPTIONS if tag in header} - {None}
    others = any(_says(OTHERS, _words(header.get(tag, ""))) for tag in DESCRIPTIONS)
    if not told and header and not others:
        told = _by_physics(header)
    told = told or {role(stem(path))}
    return told.pop() if len(told) == 1 else None


def file_roles(paths: Sequence[Union[str, Path]], choices: Sequence[str] = ()) -> tuple[str, ...]:
    """Return a role per image file.

    Parameters
    ----------
    paths : sequence of path
    choices : sequence of str
        The roles that every image must have one of; without any, an image whose role is not told
        by its name gets that name, and a folder, which may be called as a patient, its number.

    Raises
    ------
    InvalidInput
        If two images would get the same, or one none of the choices.
    """
    roles = tuple(
        file_role(path) or (f"Sequence {m + 1}" if Path(path).is_dir() else stem(path))
        for m, path in enumerate(paths)
    )
    for path, role in zip(paths, roles):
        if roles.count(role) > 1:
            raise InvalidInput(f"Two images are {role} by their names; tell them apart by --roles.")
        if choices and role not in choices:
            raise InvalidInput(
                f"Neither its name nor a DICOM header says for sure what {path} is; name all "
                f"images by --roles, in their order: {', '.join(choices)}, or any other name."
            )
    return roles


def _by_physics(header: dict[str, str]) -> set[Optional[str]]:
    """Return the role that a series' echo time and preparation give away, if they do."""
    echo = float(header.get(ECHO_TIME) or "nan")
    if echo >= LONG_ECHO:
        return {"T2"}
    inverted = "IR" in header.get(SCANNING_SEQUENCE, "").split("\\")
    if inverted and echo < SHORT_ECHO and header.get(CONTRAST_AGENT):
        return {LGE}
    return set()


def _header(folder: Path) -> dict[str, str]:
    """Return the header of the first file of a folder's DICOM series; of a file, an empty one."""
    if not folder.is_dir():
        return {}
    try:
        check_series(folder)
    except (OSError, ValueError):  # whoever reads the images says why
        return {}
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    if not files:
        return {}
    reader = sitk.ImageFileReader()
    reader.SetFileName(files[0])
    reader.ReadImageInformation()
    return {key: reader.GetMetaData(key).strip() for key in reader.GetMetaDataKeys()}


def _words(name: str) -> str:
    """Return a name with blanks between its words."""
    return re.sub(r"[\W_]+(?<!\*)", " ", re.sub(ENDINGS, "", name)).strip()


def _says(pattern: str, words: str) -> bool:
    return bool(re.search(rf"(?<![A-Za-z])(?:{pattern})(?![A-Za-z])", words, re.IGNORECASE))
