"""The named tuples that functions with several results return."""

from __future__ import annotations


def _result(name: str, fields: tuple[str, ...]) -> type:
    """A tuple class with named fields that prints as PyTorch's."""

    class Result(tuple):
        __slots__ = ()
        _fields = fields
        n_fields = n_sequence_fields = len(fields)
        n_unnamed_fields = 0

        def __new__(cls, *values):
            values = values[0] if len(values) == 1 else values
            if len(values) != len(fields):
                raise TypeError(
                    f"torch.return_types.{name}() takes a {len(fields)}-sequence ({len(values)}-sequence given)"
                )
            return tuple.__new__(cls, values)

        def __repr__(self) -> str:
            items = ",\n".join(f"{field}={value!r}" for field, value in zip(fields, self))
            return f"torch.return_types.{name}(\n{items})"

        def __reduce__(self):
            return type(self), (tuple(self),)

    for i, field in enumerate(fields):
        setattr(Result, field, property(lambda self, i=i: tuple.__getitem__(self, i), doc=f"Result {i}."))
    Result.__name__ = Result.__qualname__ = name
    return Result


_PAIR = ("values", "indices")
max = _result("max", _PAIR)
min = _result("min", _PAIR)
median = _result("median", _PAIR)
nanmedian = _result("nanmedian", _PAIR)
mode = _result("mode", _PAIR)
sort = _result("sort", _PAIR)
topk = _result("topk", _PAIR)
kthvalue = _result("kthvalue", _PAIR)
cummax = _result("cummax", _PAIR)
cummin = _result("cummin", _PAIR)
aminmax = _result("aminmax", ("min", "max"))
histogram = _result("histogram", ("hist", "bin_edges"))
histogramdd = _result("histogramdd", ("hist", "bin_edges"))
qr = _result("qr", ("Q", "R"))
svd = _result("svd", ("U", "S", "V"))
slogdet = _result("slogdet", ("sign", "logabsdet"))
triangular_solve = _result("triangular_solve", ("solution", "cloned_coefficient"))
linalg_qr = _result("linalg_qr", ("Q", "R"))
linalg_svd = _result("linalg_svd", ("U", "S", "Vh"))
linalg_slogdet = _result("linalg_slogdet", ("sign", "logabsdet"))
linalg_eig = _result("linalg_eig", ("eigenvalues", "eigenvectors"))
linalg_eigh = _result("linalg_eigh", ("eigenvalues", "eigenvectors"))
linalg_lstsq = _result("linalg_lstsq", ("solution", "residuals", "rank", "singular_values"))
linalg_lu = _result("linalg_lu", ("P", "L", "U"))
linalg_lu_factor = _result("linalg_lu_factor", ("LU", "pivots"))
linalg_lu_factor_ex = _result("linalg_lu_factor_ex", ("LU", "pivots", "info"))
linalg_inv_ex = _result("linalg_inv_ex", ("inverse", "info"))
linalg_solve_ex = _result("linalg_solve_ex", ("result", "info"))
linalg_cholesky_ex = _result("linalg_cholesky_ex", ("L", "info"))
linalg_ldl_factor = _result("linalg_ldl_factor", ("LD", "pivots"))
linalg_ldl_factor_ex = _result("linalg_ldl_factor_ex", ("LD", "pivots", "info"))
lu_unpack = _result("lu_unpack", ("P", "L", "U"))
lu_with_info = _result("_lu_with_info", ("LU", "pivots", "infos"))
geqrf = _result("geqrf", ("a", "tau"))
frexp = _result("frexp", ("mantissa", "exponent"))
