"""Bessel functions of orders 0 and 1: the first and second kind, and the modified ones of the second kind."""

from __future__ import annotations

import math

import numpy as np

from .bessel_functions import i0, i1
from .elementwise import polynomial, through_float64

__all__ = [
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "spherical_bessel_j0",
]

# Up to 8, what is left of each function without its odd factor and its logarithm, in powers of x^2/32 - 1. All numbers
# here are interpolations at Chebyshev points, computed with 50 digits.
SPLIT = 8.0
J0_NEAR = (
    0.04582966485981377, 0.9303012472958572, -0.6484692830871837, -0.808088807669687, 1.0383794611437211,
    -0.507468045847102, 0.14598884856759273, -0.028472718610869578, 0.00405807898914049, -0.0004435459224727048,
    3.847319785739127e-05, -2.7177491450676137e-06, 1.5956108859013866e-07, -7.915407670549364e-09,
    3.3634718625333373e-10, -1.2384699153073492e-11, 3.990811966391986e-13, -1.1351277410243094e-14,
    2.8780700417086955e-16, -6.5151500571157116e-18,
)  # fmt: skip
J1_NEAR = (
    -0.05814382795599107, 0.08105866038589796, 0.15151665143806634, -0.2595948652859303, 0.15858376432721938,
    -0.054745818212847276, 0.01245681439225544, -0.0020290394945702453, 0.0002494945813908964,
    -2.4045748660869218e-05, 1.8684525372339904e-06, -1.1967081644348947e-07, 6.43126873231046e-09,
    -2.943037865185982e-10, 1.1610655467503379e-11, -3.9908260820706373e-13, 1.2060725733399566e-14,
    -3.230355718639617e-16, 7.738273635981454e-18, -1.660698366324882e-19,
)  # fmt: skip
Y0_NEAR = (
    -0.382250654459425, -0.8284358903604587, 1.6470964788745466, 0.14412632369302442, -1.0775477338215995,
    0.6721770783431723, -0.2189574709617165, 0.046367047681347105, -0.0070257410572698254, 0.0008061586060550243,
    -7.279541882784653e-05, 5.321318633837175e-06, -3.2185077885022706e-07, 1.6391065111246523e-08,
    -7.130516940301903e-10, 2.681836493410209e-11, -8.81052546459933e-13, 2.550861655159015e-14,
    -6.574806994171116e-16, 1.5111118382094027e-17,
)  # fmt: skip
Y1_NEAR = (
    0.07075985882118005, -0.24337743079193114, 0.023367571720993584, 0.23507209206669755, -0.19639839859930425,
    0.07854786922242545, -0.01962875683309943, 0.003422490739918046, -0.00044381734351146775, 4.46743301291431e-05,
    -3.6009998744473813e-06, 2.3804929913922317e-07, -1.31533223991362e-08, 6.16974257301963e-10,
    -2.48876602241918e-11, 8.728846992741433e-13, -2.6871218482682002e-14, 7.320632021158841e-16,
    -1.7815800257405252e-17, 3.879779789058402e-19,
)  # fmt: skip

# Beyond, the factors of cosine and sine, the second ones times x, in powers of 2 (8/x)^2 - 1.
P0 = (
    0.9994572757882519, -0.0005363673192130033, 6.137416080111143e-06, -2.052744816021978e-07, 1.2803761421389911e-08,
    -1.2121178913027262e-09, 1.5500573849457377e-10, -2.4883792349430343e-11, 4.786833648457065e-12,
    -1.061860361827791e-12, 2.454626647456918e-13, -6.563491590174781e-14, 3.334599531685773e-14,
    -1.1346926815291663e-14,
)  # fmt: skip
Q0 = (
    -0.12444091103610816, 0.0005466519279475136, -1.1817110660731776e-05, 5.684971885449538e-07,
    -4.534973594868882e-08, 5.146228618919075e-09, -7.575872758461843e-10, 1.362452803693964e-10,
    -2.88387465828897e-11, 6.934511868227323e-12, -1.6798068504524111e-12, 4.743918565467509e-13,
    -2.729058891731019e-13, 9.756113507128432e-14,
)  # fmt: skip
P1 = (
    1.0009070262780821, 0.0008988049416705564, -7.95969469844003e-06, 2.453676622679369e-07, -1.4708512970871809e-08,
    1.3603054724512454e-09, -1.713108363257052e-10, 2.7205216071451606e-11, -5.190987549128526e-12,
    1.1443000350441976e-12, -2.635099411586755e-13, 7.019004954768849e-14, -3.5404613525657416e-14,
    1.2012721775449965e-14,
)  # fmt: skip
Q1 = (
    0.3742149922195918, -0.0007697167057643569, 1.456961480935691e-05, -6.633568564937367e-07, 5.1361067953963376e-08,
    -5.720887751116045e-09, 8.315594957016384e-10, -1.481767246888408e-10, 3.114226481045957e-11,
    -7.446940085047187e-12, 1.798464167692092e-12, -5.061753256584603e-13, 2.8910711721761855e-13,
    -1.0308138671963011e-13,
)  # fmt: skip

# The same of the modified functions: up to 2 in powers of x^2/2 - 1, beyond, times sqrt(x) exp(x), of 4/x - 1.
MODIFIED_SPLIT = 2.0
K0_NEAR = (
    -0.30362077291575545, 0.3404973210133806, 0.07177701034240512, 0.005053392643196092, 0.00018280555827901256,
    4.054506619948951e-06, 6.093361934166155e-08, 6.623013294285102e-10, 5.45210758801694e-12, 3.518416609353651e-14,
    1.8282990225823977e-16, 7.814781857140499e-19,
)  # fmt: skip
K1_NEAR = (
    -0.057455856135205326, -0.10866462148495122, -0.013254642948920608, -0.0006724746609653153,
    -1.9109762342337995e-05, -3.495829795099795e-07, -4.473708999196653e-09, -4.2354774966542416e-11,
    -3.089007150998784e-13, -1.7895729102464416e-15, -8.437124146317762e-18, -3.300543696567628e-20,
)  # fmt: skip
K0_FAR = (
    1.2185953385133905, -0.031071461824889558, 0.0030328918102738114, -0.0004797690567621869, 9.956054749222072e-05,
    -2.4735204685849812e-05, 7.002244303330549e-06, -2.191176013502258e-06, 7.427930662849315e-07,
    -2.6892080372518763e-07, 1.0288069483966884e-07, -4.126918522291483e-08, 1.7312995045968196e-08,
    -7.512457819393254e-09, 3.1783612286634933e-09, -1.4404758651443358e-09, 1.0450469654372086e-09,
    -5.418134445780214e-10, -2.296305052830524e-10, 1.5340126238605654e-10, 3.796424611822554e-10,
    -2.2303328496385004e-10, -1.5419231423351582e-10, 9.239492719735017e-11, 4.390754852709943e-11,
    -2.582452501563754e-11,
)  # fmt: skip
K1_FAR = (
    1.363151890371342, 0.10334973775386527, -0.005566729880072949, 0.000735724154903766, -0.0001395902196408485,
    3.284386569308467e-05, -8.961205929611785e-06, 2.730039509989776e-06, -9.067228220802146e-07,
    3.229965620159241e-07, -1.21951894454213e-07, 4.838602136498907e-08, -2.0105919367047817e-08,
    8.654462540906392e-09, -3.6475900600687235e-09, 1.644089713355689e-09, -1.166820125045468e-09,
    6.014360573864588e-10, 2.420762534801533e-10, -1.6272853347015717e-10, -4.1258147760560677e-10,
    2.4182967169209887e-10, 1.6685782786246503e-10, -9.982856117524016e-11, -4.7692737490629826e-11,
    2.7995703082404277e-11,
)  # fmt: skip


@through_float64
def bessel_j0(x):
    """The Bessel function of the first kind, order 0. x: any shape, floating. Returns its shape and dtype."""
    size = np.abs(x)
    cosine, sine, factor_p, factor_q = _far(size, 0, P0, Q0)
    return np.where(size > SPLIT, factor_p * cosine - factor_q * sine, polynomial(J0_NEAR, _near(size)))


@through_float64
def bessel_j1(x):
    """The Bessel function of the first kind, order 1. x: any shape, floating. Returns its shape and dtype."""
    size = np.abs(x)
    cosine, sine, factor_p, factor_q = _far(size, 1, P1, Q1)
    far = np.sign(x) * (factor_p * cosine - factor_q * sine)
    return np.where(size > SPLIT, far, x * polynomial(J1_NEAR, _near(size)))


@through_float64
def bessel_y0(x):
    """The Bessel function of the second kind, order 0: minus infinity at 0, NaN below."""
    cosine, sine, factor_p, factor_q = _far(x, 0, P0, Q0)
    near = polynomial(Y0_NEAR, _near(x)) + 2 / math.pi * np.log(x) * polynomial(J0_NEAR, _near(x))
    return np.where(x > SPLIT, factor_p * sine + factor_q * cosine, near)


@through_float64
def bessel_y1(x):
    """The Bessel function of the second kind, order 1: minus infinity at 0, NaN below."""
    cosine, sine, factor_p, factor_q = _far(x, 1, P1, Q1)
    some = np.where(x > 0, np.minimum(x, SPLIT), 1.0)
    regular = polynomial(Y1_NEAR, _near(some)) + 2 / math.pi * np.log(some) * polynomial(J1_NEAR, _near(some))
    near = some * regular - 2 / math.pi / some
    near = np.where(x > 0, near, np.where(x == 0, -math.inf, math.nan))
    return np.where(x > SPLIT, factor_p * sine + factor_q * cosine, near)


@through_float64
def modified_bessel_k0(x):
    """The modified Bessel function of the second kind, order 0: infinity at 0, NaN below."""
    return _k0(x, np.exp(-np.maximum(x, MODIFIED_SPLIT)), 1.0)


@through_float64
def modified_bessel_k1(x):
    """The modified Bessel function of the second kind, order 1: infinity at 0, NaN below."""
    return _k1(x, np.exp(-np.maximum(x, MODIFIED_SPLIT)), 1.0)


@through_float64
def scaled_modified_bessel_k0(x):
    """exp(x) modified_bessel_k0(x), which does not underflow."""
    return _k0(x, 1.0, np.exp(np.minimum(x, MODIFIED_SPLIT)))


@through_float64
def scaled_modified_bessel_k1(x):
    """exp(x) modified_bessel_k1(x), which does not underflow."""
    return _k1(x, 1.0, np.exp(np.minimum(x, MODIFIED_SPLIT)))


@through_float64
def spherical_bessel_j0(x):
    """sin(x) / x, 1 at 0 and 0 at infinity. x: any shape, floating. Returns its shape and dtype."""
    return np.where(x == 0, 1.0, np.where(np.isinf(x), 0.0, np.sin(x) / x))


def _near(size):
    """The place of a size in its interval up to the split."""
    return 2 * (np.minimum(size, SPLIT) / SPLIT) ** 2 - 1


def _far(size, order: int, p, q):
    """Cosine and sine of the phase, and their factors, for sizes beyond the split."""
    beyond = np.maximum(size, SPLIT)
    phase = beyond - (2 * order + 1) * (math.pi / 4)
    place, amplitude = 2 * (SPLIT / beyond) ** 2 - 1, np.sqrt(2 / math.pi / beyond)
    return np.cos(phase), np.sin(phase), amplitude * polynomial(p, place), amplitude * polynomial(q, place) / beyond


def _k0(x, far_factor, near_factor):
    some = np.where(x > 0, np.minimum(x, MODIFIED_SPLIT), 1.0)
    near = polynomial(K0_NEAR, 2 * (some / MODIFIED_SPLIT) ** 2 - 1) - np.log(some / 2) * i0(some)
    return _on_the_right(x, near * near_factor, K0_FAR, far_factor)


def _k1(x, far_factor, near_factor):
    some = np.where(x > 0, np.minimum(x, MODIFIED_SPLIT), 1.0)
    near = some * polynomial(K1_NEAR, 2 * (some / MODIFIED_SPLIT) ** 2 - 1) + np.log(some / 2) * i1(some) + 1 / some
    return _on_the_right(x, near * near_factor, K1_FAR, far_factor)


def _on_the_right(x, near, far, factor):
    """near up to the split, then far / sqrt(x); infinity at 0, NaN below."""
    beyond = np.maximum(x, MODIFIED_SPLIT)
    tail = factor * polynomial(far, 2 * MODIFIED_SPLIT / beyond - 1) / np.sqrt(beyond)
    near = np.where(x > 0, near, np.where(x == 0, math.inf, math.nan))
    return np.where(x > MODIFIED_SPLIT, tail, near)
