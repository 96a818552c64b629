"""Which sequence an image is: by the vendors' names, by DICOM headers, or not for sure."""

import numpy as np
import pytest
import SimpleITK as sitk

from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.io.sequences import (
    contradictions,
    file_role,
    file_roles,
    phase_sensitive,
    role,
)

NAMES = {
    "LGE": [
        "LGE.nii.gz",
        "myops_training_101_DE.nii.gz",
        "DE_SA_01",
        "case_DE_sa",
        "DE-MRI",
        "12: late gadolinium enhancement",
        "delayed enhancement SAX",
        "Rehaussement tardif",
        "de_high-res_tfl_PSIR_sa_MAG",
        "PSIR_TrueFISP_SA",
        "LGE_SSFP_moco",
        "MDE SA",
        "2D PSMDE",
        "PS_MDE",
        "2D_MDE_FGRE",
        "IR_TFE_BH",
        "3D_PSIR_TFE",
        "IR-FGRE",
        "DHE SA",
        "viability SAX",
        "LGE (resampled)",
        "LGE_to_T2",
    ],
    "dark-blood LGE": ["DB_LGE", "LGE dark-blood", "Black Blood PSIR", "FIDDLE SA", "LGE_BB"],
    "T2": [
        "T2_STIR_SAX.nrrd",
        "axial_T2w.nii.gz",
        "T2prep_SSFP",
        "T2-prep bSSFP sa",
        "T2p trufi T2prep",
        "TIRM sa",
        "t2_tirm_db",
        "t2_tse_dark-blood",
        "STIR_BB",
        "T2W_SPAIR",
        "T2 in LGE space",
        "ACUT2E",
    ],
    "bSSFP": [
        "case1_C0.nii.gz",
        "12 cine bSSFP",
        "cine_sa",
        "trufi_sa",
        "tf2d TrueFISP",
        "FIESTA SAX",
        "BTFE",
        "sBTFE_BH",
        "B-TFE",
        "bFFE",
        "Balanced TFE",
        "bSSFP_onto_LGE",
    ],
    None: [
        "plan de coupe",
        "PLAN DE COUPE",
        "Vue de face",
        "T2_star.nii.gz",
        "T2map",
        "T2 map MOCO",
        "T2*",
        "t1post.nii.gz",
        "T1map_MOLLI",
        "TI_scout_SSFP",
        "localizer_trufi",
        "perfusion_SSFP",
        "model.nii.gz",
        "flair",
        "LGE_T2",
        "cine_LGE",
    ],
}


@pytest.mark.parametrize(
    ("name", "expected"), [(name, role) for role, names in NAMES.items() for name in names]
)
def test_roles_are_told_by_the_vendors_names(name, expected):
    assert role(name) == expected


def test_file_names_stand_for_unknown_roles_and_must_differ():
    assert file_roles(["x/flair.nii.gz", "x/a.b.NRRD.mha", "dicom/LGE"]) == (
        "flair",
        "a.b.NRRD",
        "LGE",
    )
    with pytest.raises(InvalidInput, match=r"Two images are T2 by their names.*--roles"):
        file_roles(["T2_a.nii.gz", "T2_b.nii.gz"])


def test_an_image_of_unknown_role_is_refused_with_the_choices():
    with pytest.raises(InvalidInput, match=r"plan de coupe.nii is; name all.*: LGE, T2, or any"):
        file_roles(["LGE.nii", "plan de coupe.nii"], ("LGE", "T2"))
    assert file_roles(["LGE.nii", "tirm.nii"], ("LGE", "T2")) == ("LGE", "T2")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("PSIR_SA", True), ("2D PSMDE", True), ("de_PSIR_MAG", False), ("LGE", False)],
)
def test_phase_sensitive_images_are_told_by_their_names(name, expected):
    assert phase_sensitive(name) is expected


def series(folder, tags):
    """Write a DICOM series of two slices with the given tags."""
    folder.mkdir()
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for z in range(2):
        image = sitk.GetImageFromArray(np.full((1, 8, 8), z, np.int16))
        values = {
            "0008|0060": "MR",
            "0020|000d": "1.2.3",
            "0020|000e": "1.2.3.4",
            "0008|0018": f"1.2.3.4.{z}",
            "0020|0013": str(z),
            "0020|0032": f"0\\0\\{8 * z}",
            **tags,
        }
        for tag, value in values.items():
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{z}.dcm"))
        writer.Execute(image)
    return folder


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"0008|103e": "de_tfl_psir_sa"}, "LGE"),
        ({"0018|1030": "T2_TIRM_DB"}, "T2"),
        ({"0008|103e": "sa", "0018|0024": "*tfi2d1", "0018|1030": "cine SAX"}, "bSSFP"),
        ({"0008|103e": "sa 1", "0018|0020": "SE", "0018|0081": "64"}, "T2"),
        ({"0018|0020": "GR\\IR", "0018|0081": "3.2", "0018|0010": "Gadovist"}, "LGE"),
        ({"0018|0020": "GR\\IR", "0018|0081": "3.2"}, None),
        ({"0008|103e": "T1map_MOLLI", "0018|0020": "IR", "0018|0010": "Gd"}, None),
        ({"0008|103e": "LGE", "0018|1030": "T2 TSE"}, None),
    ],
)
def test_a_dicom_header_tells_the_role(tmp_path, tags, expected):
    assert file_role(series(tmp_path / "s0001", tags)) == expected


def test_what_a_name_says_against_the_role():
    roles = ("LGE", "bSSFP", "T2", "dark-blood LGE", "flair")
    assert contradictions(roles, ("LGE", None, "T2", "LGE", "T2")) == []
    assert contradictions(("LGE",), ("flair",)) == []
    (doubt,) = contradictions(("LGE", "bSSFP"), ("bSSFP", None))
    assert doubt.startswith("The image taken as LGE is bSSFP by its own name")
