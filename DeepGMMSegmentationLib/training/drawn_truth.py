"""The truth of drawings, in the classes of the tissue network."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..anatomy.tissues import TISSUES

BLOOD, HEALTHY = 0, 1
# From a drawing's codes to tissues; papillary muscles count as blood.
OF_CODE = (HEALTHY, BLOOD, HEALTHY, 2, 3, 4, BLOOD)


def tissue_parts(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Return what part of each voxel every tissue takes, and what part the ventricle.

    Parameters
    ----------
    codes : Tensor of uint8, shape ``(B, LEVELS, S, S)``

    Returns
    -------
    parts : Tensor, shape ``(B, 5, S, S)``
        Summing to 1; what is outside the ventricle counts as healthy myocardium.
    ventricle : Tensor, shape ``(B, 1, S, S)``
    """
    known = codes < len(OF_CODE)
    tissue = torch.tensor(OF_CODE, device=codes.device)[(codes * known).long()]
    parts = functional.one_hot(tissue, len(TISSUES)).float().mean(1).movedim(-1, 1)
    return parts, (known & (codes > 0)).float().mean(1, keepdim=True)
