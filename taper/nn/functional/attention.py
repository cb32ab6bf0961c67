"""Attention (Vaswani et al. 2017)."""

from __future__ import annotations

import math

import numpy as np

from ...autograd.casting import in_lower_precision
from ...autograd.dispatch import apply
from ...autograd.inplace import legacy_name
from ...errors import warn
from ...ops.attention import attention, joint_attention
from ...tensor.activation import softmax
from ...tensor.creation import full_like, ones, zeros_like
from ...tensor.joining import cat
from ...tensor.products import linear, matmul
from ...tensor.selection import where
from .attention_checks import dimensions_fit, masks_fit, sizes_fit
from .dropout import dropout
from .padding import pad


@in_lower_precision
def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p: float = 0.0, is_causal: bool = False, scale=None, enable_gqa=False
):
    """softmax(query @ key.mT * scale + mask) @ value, over (..., length, features).

    attn_mask: bools (True: take part) or numbers to add. is_causal: no position sees later ones. scale: 1 /
    sqrt(features) by default. enable_gqa: key and value heads are shared by groups of query heads. A query that nothing
    takes part in gives zeros. RuntimeError for a mask together with is_causal.
    """
    if is_causal and attn_mask is not None:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    _check_attention(query, key, value, attn_mask)
    if enable_gqa:
        heads = query._array.shape[-3]
        for t in (key, value):
            if heads % t._array.shape[-3]:
                raise RuntimeError(
                    "scaled_dot_product_attention: with enable_gqa the number of heads of key and value must divide "
                    f"the number of query heads: got query {tuple(query.shape)}, key {tuple(key.shape)}, value "
                    f"{tuple(value.shape)}"
                )
        groups = key._array.shape[-3]
        if groups == value._array.shape[-3] and (attn_mask is None or attn_mask._array.ndim < 3):
            # A group's queries see its one head by broadcasting.
            query = query.unflatten(-3, (groups, heads // groups))
            out = _attended(query, key.unsqueeze(-3), value.unsqueeze(-3), attn_mask, dropout_p, is_causal, scale)
            return out.flatten(-4, -3)
        key = key.repeat_interleave(heads // groups, -3)
        value = value.repeat_interleave(heads // value._array.shape[-3], -3)
    return _attended(query, key, value, attn_mask, dropout_p, is_causal, scale)


def _attended(query, key, value, mask, dropout_p: float, is_causal: bool, scale):
    if scale is None:
        features = query._array.shape[-1]
        scale = 1 / math.sqrt(features) if features else math.inf
    drop = _dropout_mask(query, key, dropout_p)
    return apply(attention, query, key, value, mask, drop, scale=scale, causal=bool(is_causal))


def _dropout_mask(query, key, p: float):
    """What multiplies the weights (..., L, S) in dropout; None without."""
    if not p:
        return None
    q, k = query._array.shape, key._array.shape
    return _dropout_of((*np.broadcast_shapes(q[:-2], k[:-2]), q[-2], k[-2]), query, p)


def _dropout_of(shape: tuple[int, ...], like, p: float):
    """Dropout of ones; None without."""
    return dropout(ones(shape, dtype=like.dtype, device=like.device), p) if p else None


def _check_attention(query, key, value, mask) -> None:
    if query._array.dtype.kind not in "fV":
        word = legacy_name(query._array.dtype)
        if query._array.dtype.kind == "c":
            raise NotImplementedError(f"\"softmax_lastdim_kernel_impl\" not implemented for '{word}' (attention)")
        raise RuntimeError(f"expected scalar type Float but found {word} (scaled_dot_product_attention)")
    for name, t in (("key", key), ("value", value)):
        if t._array.dtype != query._array.dtype:
            raise RuntimeError(
                "Expected query, key, and value to have the same dtype, but got query.dtype: "
                f"{query.dtype}, key.dtype: {key.dtype} and value.dtype: {value.dtype} instead."
            )
        if t._array.ndim < 2 or query._array.ndim < 2:
            raise RuntimeError(
                f"Expected query, key, and value to all be at least 2 dimensional, but {name} is {tuple(t.shape)}"
            )
    q, k = query._array.shape, key._array.shape
    if q[-1] != k[-1]:
        many = math.prod(q[:-2])
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: {[many, q[-1]]} but got: {[many, k[-1]]}. "
            f"scaled_dot_product_attention got a query of {tuple(q)} and a key of {tuple(k)}: their last sizes differ."
        )
    if mask is not None and mask._array.dtype.kind != "b" and mask._array.dtype not in (query._array.dtype, np.float32):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{mask.dtype} and query.dtype: {query.dtype} instead."
        )


def multi_head_attention_forward(
    query,
    key,
    value,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight,
    in_proj_bias,
    bias_k,
    bias_v,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight,
    out_proj_bias,
    training: bool = True,
    key_padding_mask=None,
    need_weights: bool = True,
    attn_mask=None,
    use_separate_proj_weight: bool = False,
    q_proj_weight=None,
    k_proj_weight=None,
    v_proj_weight=None,
    static_k=None,
    static_v=None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
):
    """Attention of several heads between projected queries, keys and values, (length, batch, features) or unbatched.

    key_padding_mask (batch, keys): True, or minus infinity, hides a key. attn_mask (queries, keys), or one for each
    batch and head. Returns the projected result and the attention weights (averaged over heads, if asked for), or None.
    """
    dimensions_fit(query, key, value, key_padding_mask, attn_mask, num_heads)
    batched = query._array.ndim == 3
    if not batched:
        query, key, value = (t.unsqueeze(1) for t in (query, key, value))
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, batch, width = query._array.shape
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint: Transformer.generate_square_subsequent_mask makes one."
        )
    causal = is_causal and key_padding_mask is None and not need_weights
    if causal:
        attn_mask = None
    sizes_fit(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    head = width // num_heads
    extra = bias_k is not None or add_zero_attn or static_k is not None or static_v is not None
    if query is key is value and not (use_separate_proj_weight or extra or need_weights) and query.device.type == "cpu":
        masks_fit(key_padding_mask, attn_mask, length, length, batch, num_heads)
        mask = _merged(*_separate(attn_mask, key_padding_mask, batch, num_heads, query.dtype), length)
        drop = _dropout_of((batch, num_heads, length, length), query, dropout_p if training else 0.0)
        weights = (in_proj_weight, in_proj_bias), (out_proj_weight, out_proj_bias)
        out = _self_attended(query, num_heads, *weights, mask, drop, causal)
        return out if batched else out.squeeze(1), None
    if query is key is value and not use_separate_proj_weight:
        q, k, v = linear(query, in_proj_weight, in_proj_bias).chunk(3, -1)
    else:
        w = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else in_proj_weight.chunk(3)
        b = (None, None, None) if in_proj_bias is None else in_proj_bias.chunk(3)
        q, k, v = (linear(t, wi, bi) for t, wi, bi in zip((query, key, value), w, b))
    keys = k._array.shape[0] if static_k is None else static_k._array.shape[1]
    masks_fit(key_padding_mask, attn_mask, length, keys, batch, num_heads)
    attn_mask, key_padding_mask = _separate(attn_mask, key_padding_mask, batch, num_heads, query.dtype)
    if bias_k is not None:
        k, v = cat([k, bias_k.repeat(1, batch, 1)]), cat([v, bias_v.repeat(1, batch, 1)])
        attn_mask, key_padding_mask = _one_more(attn_mask), _one_more(key_padding_mask)
    # (batch, heads, length, head), as views: attention reads them where they are, and its result lies as they do.
    q, k, v = (
        t.reshape(t._array.shape[0], batch, num_heads, head).permute(1, 2, 0, 3)
        if given is None
        else given.reshape(batch, num_heads, *given._array.shape[1:])
        for t, given in ((q, None), (k, static_k), (v, static_v))
    )
    if add_zero_attn:
        zero = k.new_zeros((batch, num_heads, 1, head))
        k, v = cat([k, zero], 2), cat([v, zero], 2)
        attn_mask, key_padding_mask = _one_more(attn_mask), _one_more(key_padding_mask)
    attn_mask = _merged(attn_mask, key_padding_mask, k._array.shape[2])
    weights, dropped = None, dropout_p if training else 0.0
    if need_weights:
        scores = matmul(q * math.sqrt(1.0 / head), k.transpose(2, 3))
        weights = softmax(scores if attn_mask is None else scores + attn_mask, -1)
        weights = dropout(weights, dropped)
        out = matmul(weights, v)
    else:
        drop = _dropout_mask(q, k, dropped)
        out = apply(attention, q, k, v, attn_mask, drop, scale=math.sqrt(1.0 / head), causal=causal)
    out = out.permute(2, 0, 1, 3).reshape(length * batch, width)
    out = linear(out, out_proj_weight, out_proj_bias).reshape(length, batch, width)
    if weights is not None and average_attn_weights:
        weights = weights.mean(1)
    if not batched:
        out, weights = out.squeeze(1), None if weights is None else weights.squeeze(0)
    return out, weights


def _self_attended(x, heads: int, to_heads, from_heads, mask, drop, causal: bool):
    """Attention between projections of one x (length, batch, features), each batch's rows beside each other where they are."""
    turned = not x.is_contiguous()
    joint = linear(x.transpose(0, 1) if turned else x, *to_heads)
    scale = math.sqrt(heads / x._array.shape[2])
    out = apply(
        joint_attention, joint if turned else joint.transpose(0, 1), mask, drop, heads=heads, scale=scale, causal=causal
    )
    # The result's order in memory is PyTorch's, in which dropout numbers it.
    return linear(out.transpose(0, 1).contiguous(), *from_heads)


def _separate(mask, padding, batch: int, heads: int, dtype):
    """Both masks as numbers to add, one for each batch and head in two dimensions."""
    if padding is not None and mask is not None and padding.dtype != mask.dtype:
        warn("Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type for both instead.")
    mask, padding = _as_added(mask, dtype), _as_added(padding, dtype)
    if mask is not None and mask._array.ndim == 3:
        mask = mask.reshape(batch, heads, *mask._array.shape[1:])
    return mask, padding


def _merged(mask, padding, keys: int):
    """What is added to scores, (queries, keys) or with the batch and the head before them; None: nothing."""
    if padding is None:
        return mask
    hidden = padding.reshape(padding._array.shape[0], 1, 1, keys)
    return hidden if mask is None else mask + hidden


def _as_added(mask, dtype):
    """A mask of bools as numbers to add: minus infinity where it hides."""
    if mask is None or mask._array.dtype.kind != "b":
        return mask
    hidden = full_like(mask, -float("inf"), dtype=dtype)
    return where(mask, hidden, zeros_like(hidden))


def _one_more(mask):
    """A mask that lets one more key through."""
    return None if mask is None else pad(mask, (0, 1))
