"""The Airy function."""

from __future__ import annotations

import math

import numpy as np

from .elementwise import polynomial, through_float64

__all__ = ["airy_ai"]

# Between -2 and 2, the two power series in x^3 and their factors, the values of the function and its slope at 0.
SPLIT, TERMS = 2.0, 18
FIRST = tuple(math.prod(1 / ((3 * k + 2) * (3 * k + 3)) for k in range(n)) for n in range(TERMS))
SECOND = tuple(math.prod(1 / ((3 * k + 3) * (3 * k + 4)) for k in range(n)) for n in range(TERMS))
AT_ZERO, SLOPE = 0.3550280538878172, 0.2588194037928068

# Beyond, with z = 2/3 |x|^(3/2) and Z that of the split: on the right the function times 2 sqrt(pi) x^(1/4) exp(z), in
# powers of 2 Z/z - 1; on the left the factors of sine and cosine, the second one times z, in powers of 2 (Z/z)^2 - 1.
# Interpolated at Chebyshev points, computed with 50 digits.
AIRY_FAR = (
    0.983679282828043, -0.014613458724023247, 0.0014132014717028515, -0.00022785221368840485, 4.8463340538145154e-05,
    -1.2354390756678582e-05, 3.587832900669974e-06, -1.1510252662494373e-06, 3.997093524096636e-07,
    -1.4812636113155263e-07, 5.801773667635132e-08, -2.379735386015867e-08, 9.99234762282201e-09,
    -4.396488383518083e-09, 2.4027096157916705e-09, -1.1719183348888062e-09, -5.857081685429259e-11,
    8.099243227482072e-11, 6.070149495604203e-10, -3.50073421904526e-10, -2.4438044698817276e-10,
    1.459568246434664e-10, 8.319202972661437e-11, -4.843286683941047e-11,
)  # fmt: skip
AIRY_P = (
    0.9955277853641936, -0.003937691907301456, 0.0004033824001765277, -8.615900171035122e-05, 2.6237574324206702e-05,
    -9.867700036733256e-06, 4.273590775963771e-06, -2.0479733793389464e-06, 1.043811316900138e-06,
    -5.68478465144914e-07, 4.925412858347417e-07, -3.3869833477945033e-07, -9.353027312693405e-07,
    8.467951995937376e-07, 4.9493515437455394e-06, -4.3142033778924e-06, -1.5923618844578975e-05,
    1.3915758887842305e-05, 3.724384796855821e-05, -3.252724957883998e-05, -6.258594466287909e-05,
    5.464677384915713e-05, 7.516615584264903e-05, -6.560493049775375e-05, -6.29257113100661e-05,
    5.489694458177087e-05, 3.49238791815451e-05, -3.0450580962431918e-05, -1.1561042600073209e-05,
    1.0073167461339024e-05, 1.733180130727158e-06, -1.5086397381323938e-06,
)  # fmt: skip
AIRY_Q = (
    0.06539734735311141, -0.0032315097459683006, 0.0005553620697868834, -0.000154753052252749, 5.593682843930908e-05,
    -2.3812662119081353e-05, 1.1356445286180642e-05, -5.88432884082334e-06, 3.13501885237357e-06,
    -1.7880827014548077e-06, 2.291846596707617e-06, -1.7291570508677085e-06, -7.295290774966019e-06,
    6.528217466647099e-06, 3.6008672071486704e-05, -3.1678681660939904e-05, -0.00011639541187491677,
    0.00010252337724669128, 0.0002717585191148049, -0.00023926660900585632, -0.000456204903517026,
    0.0004015630279900578, 0.0005471007918152469, -0.0004814021054788285, -0.00045723990471239427,
    0.00040217012297708233, 0.0002532387333824047, -0.0002226263505672231, -8.361653458999561e-05,
    7.346303696332911e-05, 1.2491725813780685e-05, -1.0965492598918344e-05,
)  # fmt: skip


@through_float64
def airy_ai(x):
    """The Airy function Ai. NaN at +-inf, as PyTorch's. x: any shape, floating. Returns its shape and dtype."""
    middle = np.clip(x, -SPLIT, SPLIT)
    cube = middle * middle * middle
    inside = AT_ZERO * polynomial(FIRST, cube) - SLOPE * middle * polynomial(SECOND, cube)
    size = np.maximum(np.abs(x), SPLIT)
    z, root = 2 / 3 * size**1.5, math.sqrt(math.pi) * np.sqrt(np.sqrt(size))
    place = 2 / 3 * SPLIT**1.5 / z
    right = polynomial(AIRY_FAR, 2 * place - 1) * np.exp(-z) / (2 * root)
    phase, square = z + math.pi / 4, 2 * place * place - 1
    left = (polynomial(AIRY_P, square) * np.sin(phase) - polynomial(AIRY_Q, square) / z * np.cos(phase)) / root
    out = np.where(x > SPLIT, right, np.where(x < -SPLIT, left, inside))
    return np.where(np.isinf(x), math.nan, out)
