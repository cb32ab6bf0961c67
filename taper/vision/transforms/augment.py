"""Learned and random policies of augmentation: AutoAugment (Cubuk et al. 2018, arXiv 1805.09501), RandAugment (Cubuk et
al. 2019, arXiv 1909.13719), TrivialAugment (Mueller and Hutter 2021, arXiv 2103.10158)."""

from __future__ import annotations

import math
from enum import Enum

from ...autograd.tape import Variable
from ...tensor.creation import linspace, tensor
from ...tensor.random import rand, randint
from . import functional as F
from .functional import InterpolationMode
from .random_geometry import filling

FACTORS = {
    "Brightness": "adjust_brightness",
    "Color": "adjust_saturation",
    "Contrast": "adjust_contrast",
    "Sharpness": "adjust_sharpness",
}
"""Operations by a factor of 1 + magnitude, and their functions."""

PLAIN = {"AutoContrast": "autocontrast", "Equalize": "equalize", "Invert": "invert"}
"""Operations without a magnitude, and their functions."""


def apply(img, name: str, magnitude: float, interpolation, fill, functions=F):
    """One operation of a policy, by functions of this module's `functional` or of one with the same names."""
    if name == "Identity":
        return img
    if name in PLAIN:
        return getattr(functions, PLAIN[name])(img)
    if name in FACTORS:
        return getattr(functions, FACTORS[name])(img, 1.0 + magnitude)
    if name in ("ShearX", "ShearY"):
        angle = math.degrees(math.atan(magnitude))
        shear = [angle, 0.0] if name == "ShearX" else [0.0, angle]
        return functions.affine(img, 0.0, [0, 0], 1.0, shear, interpolation, fill, center=[0, 0])
    if name in ("TranslateX", "TranslateY"):
        shift = [int(magnitude), 0] if name == "TranslateX" else [0, int(magnitude)]
        return functions.affine(img, 0.0, shift, 1.0, [0.0, 0.0], interpolation, fill)
    if name == "Rotate":
        return functions.rotate(img, magnitude, interpolation, fill=fill)
    if name == "Posterize":
        return functions.posterize(img, int(magnitude))
    return functions.solarize(img, magnitude)


def magnitudes(name: str, bins: int, shear: float, shift, angle: float, factor: float, bits: int):
    """The magnitudes of an operation from none to the largest, and whether their sign is drawn; None where it has none.

    shift: the largest shifts in pixels, (x, y).
    """
    largest = {"ShearX": shear, "ShearY": shear, "TranslateX": shift[0], "TranslateY": shift[1], "Rotate": angle}
    largest |= dict.fromkeys(FACTORS, factor)
    if name in largest:
        return linspace(0.0, largest[name], bins).tolist(), True
    if name == "Posterize":
        return [8 - round(i / ((bins - 1) / bits)) for i in range(bins)], False
    if name == "Solarize":
        return linspace(255.0, 0.0, bins).tolist(), False
    return None, False


def largest_shift(img) -> tuple[float, float]:
    """The largest shifts of AutoAugment and RandAugment: its authors' 150 pixels of 331."""
    _, height, width = F.dimensions(img)
    return 150.0 / 331.0 * width, 150.0 / 331.0 * height


class AutoAugmentPolicy(Enum):
    """The dataset for which a policy was learned."""

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# Pairs of operations: name, probability, and the number of the magnitude of ten where there is one.
_TABLES = {
    AutoAugmentPolicy.IMAGENET: """
        Posterize 0.4 8 + Rotate 0.6 9; Solarize 0.6 5 + AutoContrast 0.6;
        Equalize 0.8 + Equalize 0.6; Posterize 0.6 7 + Posterize 0.6 6;
        Equalize 0.4 + Solarize 0.2 4; Equalize 0.4 + Rotate 0.8 8;
        Solarize 0.6 3 + Equalize 0.6; Posterize 0.8 5 + Equalize 1;
        Rotate 0.2 3 + Solarize 0.6 8; Equalize 0.6 + Posterize 0.4 6;
        Rotate 0.8 8 + Color 0.4 0; Rotate 0.4 9 + Equalize 0.6;
        Equalize 0 + Equalize 0.8; Invert 0.6 + Equalize 1;
        Color 0.6 4 + Contrast 1 8; Rotate 0.8 8 + Color 1 2;
        Color 0.8 8 + Solarize 0.8 7; Sharpness 0.4 7 + Invert 0.6;
        ShearX 0.6 5 + Equalize 1; Color 0.4 0 + Equalize 0.6;
        Equalize 0.4 + Solarize 0.2 4; Solarize 0.6 5 + AutoContrast 0.6;
        Invert 0.6 + Equalize 1; Color 0.6 4 + Contrast 1 8;
        Equalize 0.8 + Equalize 0.6;
    """,
    AutoAugmentPolicy.CIFAR10: """
        Invert 0.1 + Contrast 0.2 6; Rotate 0.7 2 + TranslateX 0.3 9;
        Sharpness 0.8 1 + Sharpness 0.9 3; ShearY 0.5 8 + TranslateY 0.7 9;
        AutoContrast 0.5 + Equalize 0.9; ShearY 0.2 7 + Posterize 0.3 7;
        Color 0.4 3 + Brightness 0.6 7; Sharpness 0.3 9 + Brightness 0.7 9;
        Equalize 0.6 + Equalize 0.5; Contrast 0.6 7 + Sharpness 0.6 5;
        Color 0.7 7 + TranslateX 0.5 8; Equalize 0.3 + AutoContrast 0.4;
        TranslateY 0.4 3 + Sharpness 0.2 6; Brightness 0.9 6 + Color 0.2 8;
        Solarize 0.5 2 + Invert 0; Equalize 0.2 + AutoContrast 0.6;
        Equalize 0.2 + Equalize 0.6; Color 0.9 9 + Equalize 0.6;
        AutoContrast 0.8 + Solarize 0.2 8; Brightness 0.1 3 + Color 0.7 0;
        Solarize 0.4 5 + AutoContrast 0.9; TranslateY 0.9 9 + TranslateY 0.7 9;
        AutoContrast 0.9 + Solarize 0.8 3; Equalize 0.8 + Invert 0.1;
        TranslateY 0.7 9 + AutoContrast 0.9;
    """,
    AutoAugmentPolicy.SVHN: """
        ShearX 0.9 4 + Invert 0.2; ShearY 0.9 8 + Invert 0.7;
        Equalize 0.6 + Solarize 0.6 6; Invert 0.9 + Equalize 0.6;
        Equalize 0.6 + Rotate 0.9 3; ShearX 0.9 4 + AutoContrast 0.8;
        ShearY 0.9 8 + Invert 0.4; ShearY 0.9 5 + Solarize 0.2 6;
        Invert 0.9 + AutoContrast 0.8; Equalize 0.6 + Rotate 0.9 3;
        ShearX 0.9 4 + Solarize 0.3 3; ShearY 0.8 8 + Invert 0.7;
        Equalize 0.9 + TranslateY 0.6 6; Invert 0.9 + Equalize 0.6;
        Contrast 0.3 3 + Rotate 0.8 4; Invert 0.8 + TranslateY 0 2;
        ShearY 0.7 6 + Solarize 0.4 8; Invert 0.6 + Rotate 0.8 4;
        ShearY 0.3 7 + TranslateX 0.9 3; ShearX 0.1 6 + Invert 0.6;
        Solarize 0.7 2 + TranslateY 0.6 7; ShearY 0.8 4 + Invert 0.8;
        ShearX 0.7 9 + TranslateY 0.8 3; ShearY 0.8 5 + AutoContrast 0.7;
        ShearX 0.7 2 + Invert 0.1;
    """,
}


def _parsed(text: str) -> list:
    def one(words: list[str]):
        return words[0], float(words[1]), int(words[2]) if len(words) > 2 else None

    return [tuple(one(part.split()) for part in pair.split("+")) for pair in text.split(";") if pair.strip()]


class AutoAugment:
    """A learned policy: one pair of operations drawn for each image. Tensors must hold bytes."""

    def __init__(self, policy=AutoAugmentPolicy.IMAGENET, interpolation=InterpolationMode.NEAREST, fill=None):
        if policy not in _TABLES:
            raise ValueError(f"The provided policy {policy} is not recognized.")
        self.policy, self.interpolation, self.fill = policy, interpolation, fill
        self.policies = _parsed(_TABLES[policy])

    @staticmethod
    def get_params(transform_num: int):
        """The number of a pair, and for each of its two operations a probability and a sign."""
        return int(randint(transform_num, (1,)).item()), rand((2,)), randint(2, (2,))

    def __call__(self, img):
        fill, shift = filling(self.fill, img), largest_shift(img)
        number, probabilities, signs = self.get_params(len(self.policies))
        for i, (name, p, level) in enumerate(self.policies[number]):
            if probabilities[i] <= p:
                table, signed = magnitudes(name, 10, 0.3, shift, 30.0, 0.9, 4)
                magnitude = 0.0 if level is None or table is None else float(table[level])
                sign = -1.0 if signed and signs[i] == 0 else 1.0
                img = apply(img, name, sign * magnitude, self.interpolation, fill)
        return img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(policy={self.policy}, fill={self.fill})"


RANDOM_OPERATIONS = (
    *("Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast"),
    *("Sharpness", "Posterize", "Solarize", "AutoContrast", "Equalize"),
)


def _drawn_sign(signed: bool) -> float:
    return -1.0 if signed and randint(2, (1,)) else 1.0


class RandAugment:
    """num_ops operations drawn from fourteen, all at one magnitude of num_magnitude_bins."""

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation=InterpolationMode.NEAREST,
        fill=None,
    ):
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins
        self.interpolation, self.fill = interpolation, fill

    def __call__(self, img):
        fill, shift = filling(self.fill, img), largest_shift(img)
        for _ in range(self.num_ops):
            name = RANDOM_OPERATIONS[int(randint(len(RANDOM_OPERATIONS), (1,)).item())]
            table, signed = magnitudes(name, self.num_magnitude_bins, 0.3, shift, 30.0, 0.9, 4)
            magnitude = 0.0 if table is None else float(table[self.magnitude])
            img = apply(img, name, _drawn_sign(signed) * magnitude, self.interpolation, fill)
        return img

    def __repr__(self) -> str:
        words = ("num_ops", "magnitude", "num_magnitude_bins", "interpolation", "fill")
        return f"{type(self).__name__}({', '.join(f'{word}={getattr(self, word)}' for word in words)})"


class TrivialAugmentWide:
    """One operation drawn from fourteen, at a magnitude drawn from num_magnitude_bins."""

    def __init__(self, num_magnitude_bins: int = 31, interpolation=InterpolationMode.NEAREST, fill=None):
        self.num_magnitude_bins, self.interpolation, self.fill = num_magnitude_bins, interpolation, fill

    def __call__(self, img):
        name = RANDOM_OPERATIONS[int(randint(len(RANDOM_OPERATIONS), (1,)).item())]
        table, signed = magnitudes(name, self.num_magnitude_bins, 0.99, (32.0, 32.0), 135.0, 0.99, 6)
        magnitude = 0.0 if table is None else float(table[int(randint(len(table), (1,)).item())])
        return apply(img, name, _drawn_sign(signed) * magnitude, self.interpolation, filling(self.fill, img))

    def __repr__(self) -> str:
        words = ("num_magnitude_bins", "interpolation", "fill")
        return f"{type(self).__name__}({', '.join(f'{word}={getattr(self, word)}' for word in words)})"


class AugMix:
    """A mixture of the image and of mixture_width chains of operations on it (Hendrycks et al. 2019, arXiv 1912.02781).

    severity: 1 to 10, how large magnitudes may be. chain_depth: how many operations a chain has, drawn from 1 to 3 by default. alpha: of the
    weights' Dirichlet distribution. all_ops: with brightness, colour, contrast and sharpness. ValueError for another severity.
    """

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation=InterpolationMode.BILINEAR,
        fill=None,
    ):
        if not 1 <= severity <= 10:
            raise ValueError(f"The severity must be between [1, 10]. Got {severity} instead.")
        self.severity, self.mixture_width, self.chain_depth = severity, mixture_width, chain_depth
        self.alpha, self.all_ops, self.interpolation, self.fill = alpha, all_ops, interpolation, fill

    def _operations(self, height: int, width: int) -> dict:
        """Names, with the ten magnitudes, or none, and whether their sign is drawn."""
        shift = (width / 3.0, height / 3.0)
        names = ["ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Posterize", "Solarize", *PLAIN]
        names = [n for n in names if n != "Invert"] + (list(FACTORS) if self.all_ops else [])
        table = {name: magnitudes(name, 10, 0.3, shift, 30.0, 0.9, 4) for name in names}
        # Down to no bit at all, where the other policies keep four.
        table["Posterize"] = ([4 - round(i / (9 / 4)) for i in range(10)], False)
        return table

    def _drawn_chain(self, image, table: dict, fill):
        depth = self.chain_depth if self.chain_depth > 0 else int(randint(1, 4, (1,)).item())
        for _ in range(depth):
            name = list(table)[int(randint(len(table), (1,)).item())]
            strengths, signed = table[name]
            magnitude = 0.0 if strengths is None else float(strengths[int(randint(self.severity, (1,)).item())])
            image = apply(image, name, _drawn_sign(signed) * magnitude, self.interpolation, fill)
        return image

    def __call__(self, img):
        from ...distributions.random import dirichlet

        picture = img if isinstance(img, Variable) else F.pil_to_tensor(img)
        fill = filling(self.fill, img) if isinstance(img, Variable) else self.fill
        table = self._operations(*F.dimensions(img)[1:])
        batch = picture.view([1] * max(4 - picture.ndim, 0) + list(picture.shape))
        count, lead = batch.size(0), [batch.size(0)] + [1] * (batch.ndim - 1)
        drawn = lambda n: dirichlet(tensor([self.alpha] * n).expand(count, -1))
        shares = drawn(2)
        weights = drawn(self.mixture_width) * shares[:, 1].view(count, -1)
        mix = shares[:, 0].view(lead) * batch
        for i in range(self.mixture_width):
            mix.add_(weights[:, i].view(lead) * self._drawn_chain(batch, table, fill))
        made = mix.view(picture.shape).to(picture.dtype)
        return made if isinstance(img, Variable) else F.to_pil_image(made)

    def __repr__(self) -> str:
        words = ("severity", "mixture_width", "chain_depth", "alpha", "all_ops", "interpolation", "fill")
        return f"{type(self).__name__}({', '.join(f'{word}={getattr(self, word)}' for word in words)})"
