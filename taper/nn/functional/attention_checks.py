"""What `multi_head_attention_forward` refuses: inputs and masks whose dimensions, sizes or dtypes do not fit."""

from __future__ import annotations


def dimensions_fit(query, key, value, key_padding_mask, attn_mask, num_heads: int) -> None:
    """AssertionError unless all are batched, or none is."""
    n = query._array.ndim
    if n not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {n}-D query tensor")
    kind = f"For {'batched' if n == 3 else 'unbatched'} ({n}-D) `query`, expected"
    k, v = key._array.ndim, value._array.ndim
    if (k, v) != (n, n):
        raise AssertionError(f"{kind} `key` and `value` to be {n}-D but found {k}-D and {v}-D tensors respectively")
    for name, mask in (("key_padding_mask", key_padding_mask), ("attn_mask", attn_mask)):
        if mask is not None and mask._array.dtype.kind not in "bfV":
            raise AssertionError(f"only bool and floating types of {name} are supported, not {mask.dtype}")
    if key_padding_mask is not None and key_padding_mask._array.ndim != n - 1:
        raise AssertionError(
            f"{kind} `key_padding_mask` to be `None` or {n - 1}-D but found {key_padding_mask._array.ndim}-D tensor "
            "instead"
        )
    if attn_mask is None:
        return
    if attn_mask._array.ndim not in (2, 3):
        raise AssertionError(
            f"{kind} `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask._array.ndim}-D tensor instead"
        )
    wanted = (num_heads, query._array.shape[0], key._array.shape[0])
    if n == 2 and attn_mask._array.ndim == 3 and attn_mask._array.shape != wanted:
        raise AssertionError(f"Expected `attn_mask` shape to be {wanted} but got {attn_mask.shape}")


def sizes_fit(query, key, value, embed_dim: int, num_heads: int, separate: bool) -> None:
    """AssertionError for features that are not as many as the heads need, and for keys that are not as the values."""
    width = query._array.shape[-1]
    if width != embed_dim:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim}, but got {width}")
    if width % num_heads:
        raise AssertionError(f"embed_dim {width} not divisible by num_heads {num_heads}")
    k, v = key._array.shape, value._array.shape
    if separate and k[:2] != v[:2]:
        raise AssertionError(f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
    if not separate and k != v:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")


def masks_fit(key_padding_mask, attn_mask, length: int, keys: int, batch: int, num_heads: int) -> None:
    """RuntimeError for an attn_mask, AssertionError for a key_padding_mask, of another size."""
    if attn_mask is not None:
        ndim = attn_mask._array.ndim
        wanted = (length, keys) if ndim == 2 else (batch * num_heads, length, keys)
        if attn_mask._array.shape != wanted:
            raise RuntimeError(f"The shape of the {ndim}D attn_mask is {attn_mask.shape}, but should be {wanted}.")
    if key_padding_mask is not None:
        for dim, size in enumerate((batch, keys)):
            have = key_padding_mask._array.shape[dim]
            if have != size:
                raise AssertionError(f"Expected key_padded_mask.shape[{dim}] to be {size}, but got {have}")
