"""What a parameter's name says about the arguments that it takes, in PyTorch 2.13: a table that `arguments` reads.

Where a parameter's default is None, None may be given.
"""

from __future__ import annotations

NAMES = {
    "tensor": """A B L LD LU LU_data LU_pivots _random_samples abs angle anchor append attn_mask aweights batch1 batch2
        bias boundaries condition fweights grid imag index input input1 input2 key linear_weight log_probs logits mask
        mat mat1 mat2 negative other out_proj_weight per_sample_weights pivots pos_weight positive prepend query real
        running_mean running_var self sorted_sequence sorter source src target targets tau tensor tensor1 tensor2 theta
        values var vec vec1 vec2 weight weights window x x1 x2 y""",
    "tensor or None": "out",
    "tensors": "tensors",
    "tensor or number": "exponent value elements test_elements",
    "number": "alpha beta lambd lower maxnorm negative_slope threshold dx",
    "float": """atol d delta eps label_smoothing margin max_norm mean median momentum nan neginf p padding_value posinf
        rcond rtol scale sigma std""",
    "int": """C HxW N axis axis0 axis1 blank chunks col decimals dense_dim diagonal dim dim0 dim1 dim2 dimension
        downscale_factor edge_order end_dim group groups hop_length ignore_index ind k minlength n n_fft niter
        num_classes num_samples offset padding_idx r row sparse_dim split_size start_dim step steps storage_offset
        upscale_factor win_length window_length""",
    "ints": """destination dilation dims kernel_size output_padding output_size padding s shifts
        split_size_or_sections stride""",
    "sequence of ints": "normalized_shape pad physical_layout size sizes split_sizes",
    "bool": """accumulate adjoint as_tuple assume_unique ceil_mode check_errors compute_uv count_include_pad
        cudnn_enabled density descending enable_gqa equal_nan full_matrices hermitian implicit include_self increasing
        invert is_causal keepdim keepdims largest left log_input log_target non_blocking normalized onesided out_int32
        periodic pivot replacement return_complex right some sorted sparse sparse_grad stable
        swap training transpose unbiased unitriangular unpack_data unpack_pivots upper use_input_stats
        with_replacement wrap zero_infinity scale_grad_by_freq train""",
    "bool or None": "pin_memory requires_grad",
    "str": "UPLO approximate driver interpolation norm reduce rounding_mode side",
    "dtype or None": "dtype",
    "dtype": "from_ to type1 type2 out_dtype",
    "device or None": "device",
    "generator or None": "generator",
    "layout or None": "layout",
    "memory format or None": "memory_format",
}
"""What may stand in a place: the parameters that mean such a place wherever they occur."""

ELSEWHERE: list[tuple[str, dict[str, str]]] = [
    (
        """sum mean nansum nanmean std std_mean var var_mean logsumexp norm squeeze squeeze_copy all any amax amin
        count_nonzero hash_tensor vector_norm gradient fftshift ifftshift fftn ifftn rfftn irfftn hfftn ihfftn""",
        {"ints or None": "dim axis"},
    ),
    ("logsumexp", {"ints": "dim axis"}),
    ("linalg.norm", {"ints or None": "dim"}),
    ("linalg.matrix_norm", {"sequence of ints": "dim"}),
    ("fft2 ifft2 rfft2 irfft2 hfft2 ihfft2", {"ints": "dim"}),
    ("argmax argmin aminmax cummax max min", {"int or None": "axis"}),
    ("nn.functional.normalize", {"anything": "dim p eps out"}),
    (
        "add sub subtract mul div divide true_divide rsub add_ sub_ mul_ div_ subtract_ multiply_ true_divide_ divide_",
        {"tensor or number": "input other"},
    ),
    ("add sub subtract mul div divide true_divide multiply", {"tensor or number or None": "out"}),
    ("add sub subtract addbmm index_add rsub", {"tensor or number": "alpha"}),
    ("float_power pow bucketize searchsorted where result_type", {"tensor or number": "input self"}),
    ("where Tensor.where", {"tensor or number": "input other y"}),
    ("result_type", {"tensor or number": "tensor1 tensor2 tensor other"}),
    ("lerp lerp_", {"tensor or number": "weight"}),
    ("scatter scatter_", {"tensor or number": "src value"}),
    ("copy_", {"tensor or number": "src"}),
    ("masked_fill masked_fill_ index_fill index_fill_ fill_ isin", {"tensor or number": "value"}),
    ("addcmul addcdiv addcmul_ addcdiv_ constant_pad_nd", {"number": "value"}),
    ("select select_copy select_scatter", {"int": "index"}),
    ("unfold unfold_copy nonzero_static", {"int": "size"}),
    ("nn.functional.unfold", {"tensor": "input"}),
    ("take_along_dim", {"tensor": "indices"}),
    ("index_put index_put_", {"tensors": "indices"}),
    ("movedim moveaxis", {"ints": "source"}),
    ("split split_copy unsafe_split", {"ints": "split_size"}),
    ("functional.tensordot tensordot", {"anything": "dims a b"}),
    ("split functional.split", {"anything": "tensor"}),
    ("cat concat concatenate stack", {"anything": "tensors"}),
    ("split_copy split_with_sizes_copy unbind_copy", {"tensor or tensors or None": "out"}),
    (
        """cummax cummin max min aminmax kthvalue median nanmedian mode sort topk svd eig eigh lu qr slogdet lstsq lu_factor
        lu_factor_ex cholesky_ex inv_ex solve_ex ldl_factor ldl_factor_ex triangular_solve frexp geqrf histogram
        lu_unpack functional.lu unique native_batch_norm""",
        {"tensor or tensors or None": "out"},
    ),
    ("max min median nanmedian", {"tensor or int or None": "dim", "anything": "other"}),
    ("broadcast_to", {"ints": "size"}),
    ("scalar_tensor", {"anything": "s"}),
    ("type", {"anything": "dtype"}),
    ("view_copy", {"anything": "size"}),
    ("unflatten", {"anything": "sizes"}),
    ("div_ div divide true_divide floor_divide", {"str or None": "rounding_mode"}),
    ("sort argsort", {"bool or None": "stable"}),
    ("nan_to_num nan_to_num_", {"float or None": "nan"}),
    ("bernoulli_", {"tensor or float": "p"}),
    ("bernoulli", {"float or None": "p"}),
    ("normal", {"tensor or float": "mean std"}),
    ("norm", {"str or number or None": "p"}),
    ("functional.norm", {"str or number or None": "p"}),
    ("linalg.cond", {"str or number or None": "p"}),
    ("dist renorm Tensor.renorm_", {"number": "p"}),
    ("mvlgamma mvlgamma_ multigammaln", {"int": "p"}),
    ("matrix_rank pinv pinverse", {"tensor or float or None": "atol rtol rcond tol"}),
    ("pinverse", {"tensor or float": "rcond"}),
    ("polygamma polygamma_", {"int": "n"}),
    ("quantile nanquantile", {"tensor or float": "q"}),
    ("repeat_interleave", {"tensor or int": "repeats"}),
    ("histogram", {"tensor or int": "bins", "floats or None": "range"}),
    ("histc", {"int": "bins", "number": "min max"}),
    ("histogramdd", {"anything": "bins", "floats or None": "range"}),
    ("hamming_window kaiser_window", {"float": "alpha beta"}),
    ("stft functional.stft", {"anything": "onesided pad_mode center align_to_window n_fft"}),
    ("linspace logspace", {"tensor or number": "start end", "number": "base"}),
    ("range arange", {"number": "start end step"}),
    ("narrow narrow_copy", {"tensor or int": "start"}),
    ("full full_like new_full", {"number": "fill_value"}),
    ("full new_full", {"tensor or number": "fill_value"}),
    ("fill_diagonal_", {"number": "fill_value"}),
    ("nonzero_static", {"int": "fill_value"}),
    ("slice_scatter", {"int or None": "start end"}),
    ("lerp lerp_", {"tensor": "end"}),
    ("clamp clamp_ clip clip_", {"tensor or number or None": "min max"}),
    ("clamp_max clamp_max_ clamp_min clamp_min_", {"tensor or number": "min max"}),
    (
        "tensor as_tensor asarray new_tensor sparse_coo_tensor sparse_csr_tensor sparse_csc_tensor sparse_compressed_tensor "
        "segment_reduce map_ save load frombuffer",
        {"anything": "data indices values size other tensor"},
    ),
    ("combinations", {"int": "r"}),
    ("rot90", {"sequence of ints": "dims"}),
    ("permute_copy flip", {"sequence of ints": "dims"}),
    ("tensorsolve", {"sequence of ints or None": "dims"}),
    ("expand expand_as_ expand_copy", {"bool": "implicit"}),
    (
        "adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d",
        {"ints or gaps": "output_size"},
    ),
    ("adaptive_max_pool2d_with_indices adaptive_max_pool3d_with_indices", {"ints or gaps": "output_size"}),
    (
        "atleast_1d atleast_2d atleast_3d block_diag meshgrid broadcast_tensors cartesian_prod",
        {"tensor or tensors": "tensors"},
    ),
    ("softmax log_softmax", {"dtype": "_stacklevel"}),
    ("nn.functional.softmax nn.functional.log_softmax", {"anything": "_stacklevel"}),
    ("rand randn", {"nothing or None": "names"}),
    ("pack_padded_sequence pad_sequence", {"bool": "batch_first", "str": "padding_side", "float": "padding_value"}),
    ("resolve_conj resolve_neg", {"tensor": "input"}),
    ("trapezoid trapz cumulative_trapezoid", {"number": "dx"}),
    ("scaled_dot_product_attention", {"float": "dropout_p", "tensor": "value"}),
    ("nn.functional.threshold threshold threshold_", {"number": "value"}),
    ("poisson_nll_loss", {"bool": "full"}),
    ("linalg.qr", {"str": "mode"}),
    ("linalg.vector_norm", {"number": "ord"}),
    ("linalg.matrix_norm", {"str or number": "ord"}),
    ("linalg.norm", {"str or number or None": "ord"}),
    ("hardtanh hardtanh_", {"tensor or float": "min_val max_val"}),
    ("eye", {"int or None": "m"}),
    ("dsplit hsplit vsplit", {"ints": "indices_or_sections"}),
    ("tensor_split", {"tensor or ints": "indices_or_sections"}),
    ("dsplit hsplit vsplit tensor_split", {"int or None": "sections", "tensor or ints or None": "indices"}),
    ("conv1d conv2d conv3d", {"str or ints": "padding"}),
    (
        "nn.functional.max_unpool1d nn.functional.max_unpool2d nn.functional.max_unpool3d",
        {"anything": "kernel_size stride padding output_size"},
    ),
    ("nn.functional.lp_pool2d nn.functional.lp_pool3d", {"anything": "kernel_size"}),
    ("nn.functional.local_response_norm", {"anything": "size k alpha beta"}),
    ("nn.functional.interpolate nn.functional.upsample upsample_bilinear upsample_nearest", {"anything": "size"}),
    ("gumbel_softmax", {"anything": "tau eps"}),
    ("gaussian_nll_loss", {"anything": "eps", "tensor or number": "var target"}),
    ("multilabel_soft_margin_loss", {"tensor or number": "target", "tensor or number or None": "weight"}),
    ("multi_margin_loss", {"anything": "p", "number": "margin"}),
    (
        "smooth_l1_loss nn.functional.batch_norm triplet_margin_loss triplet_margin_with_distance_loss",
        {"anything": "beta eps training", "tensor or float": "margin"},
    ),
    ("triplet_margin_with_distance_loss", {"anything": "swap"}),
    ("lp_pool1d lp_pool2d lp_pool3d", {"tensor or number": "norm_type"}),
    ("gaussian_nll_loss multilabel_soft_margin_loss poisson_nll_loss", {"str": "reduction"}),
    ("unique unique_consecutive functional.unique", {"bool": "return_inverse return_counts"}),
    ("meshgrid", {"str or None": "indexing"}),
    (
        "grid_sampler grid_sampler_2d grid_sampler_3d",
        {"int": "interpolation_mode padding_mode", "bool": "align_corners"},
    ),
    ("nn.functional.grid_sample", {"bool or None": "align_corners"}),
    (
        "as_strided as_strided_ as_strided_scatter as_strided_copy empty_strided new_empty_strided",
        {"sequence of ints": "stride", "int or None": "storage_offset"},
    ),
    ("std var std_mean var_mean", {"number or None": "correction", "bool or ints or None": "dim"}),
    ("cov", {"int": "correction"}),
    ("istft", {"bool": "center", "int or None": "length"}),
    ("narrow narrow_copy", {"int": "length"}),
    ("exponential_", {"float": "lambd"}),
    ("uniform_", {"float": "a b"}),
    ("Tensor.to", {"bool": "copy"}),
    ("Tensor.numpy", {"bool": "force"}),
    ("Tensor.requires_grad_ tensor new_tensor", {"bool": "requires_grad"}),
    ("nn.functional.batch_norm", {"tensor or None": "running_mean running_var", "float": "momentum"}),
    ("nn.functional.instance_norm", {"anything": "use_input_stats"}),
    ("nn.functional.group_norm", {"anything": "num_groups"}),
    ("nn.functional.dropout dropout1d dropout2d dropout3d nn.functional.alpha_dropout", {"tensor or float": "p"}),
    ("nn.functional.feature_alpha_dropout", {"tensor or float": "p"}),
    ("rrelu rrelu_", {"number": "lower upper"}),
    ("nn.functional.embedding", {"anything": "padding_idx"}),
    ("nn.functional.pad", {"float or None": "value", "str": "mode"}),
    ("nn.functional.one_hot", {"tensor": "tensor"}),
    (
        "batch_norm instance_norm native_batch_norm native_layer_norm native_group_norm",
        {"tensor or None": "weight bias running_mean running_var"},
    ),
    ("max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices", {"ints or None": "stride"}),
    ("avg_pool2d avg_pool3d", {"int or None": "divisor_override"}),
    (
        "multi_head_attention_forward",
        {"anything": "is_causal training value attn_mask out_proj_weight bias_k key query"},
    ),
    ("multi_head_attention_forward", {"tensor by its methods": "query key value", "tensor or None": "out_proj_bias"}),
    ("multi_head_attention_forward", {"tensor by its methods or None": "attn_mask key_padding_mask"}),
    ("ctc_loss", {"tensor or ints": "input_lengths target_lengths"}),
    (
        """binary_cross_entropy binary_cross_entropy_with_logits cosine_embedding_loss cross_entropy hinge_embedding_loss
        kl_div l1_loss margin_ranking_loss mse_loss multi_margin_loss multilabel_margin_loss nll_loss poisson_nll_loss
        multilabel_soft_margin_loss smooth_l1_loss soft_margin_loss triplet_margin_loss""",
        {"anything": "reduce"},
    ),
    (
        """functional.norm norm nn.functional.dropout1d nn.functional.dropout2d nn.functional.dropout3d
        nn.functional.glu nn.functional.group_norm nn.functional.interpolate nn.functional.linear_cross_entropy
        nn.functional.local_response_norm nn.functional.log_softmax nn.functional.lp_pool1d nn.functional.lp_pool2d
        nn.functional.lp_pool3d nn.functional.max_pool3d_with_indices nn.functional.normalize nn.functional.softmax
        nn.functional.softsign nn.functional.tanhshrink stft functional.stft nn.functional.embedding_bag fractional_max_pool2d fractional_max_pool3d fractional_max_pool2d_with_indices
        fractional_max_pool3d_with_indices nn.functional.softmin""",
        {"tensor by its methods": "input"},
    ),
    ("functional.split split", {"tensor by its methods": "tensor"}),
    ("embedding_bag", {"tensor by its methods": "weight"}),
    ("linear_cross_entropy", {"tensor by its methods": "linear_weight", "tensor or None": "weight"}),
    ("embedding_bag linear_cross_entropy", {"tensor by its size or None": "per_sample_weights linear_bias"}),
    ("margin_ranking_loss", {"tensor by its methods": "input1 input2 target"}),
    ("triplet_margin_with_distance_loss", {"tensor by its methods": "anchor positive negative"}),
    ("multi_margin_loss", {"tensor by its methods or None": "weight"}),
    ("unravel_index nn.functional.max_unpool1d", {"tensor by its methods": "indices"}),
    (
        """nn.functional.adaptive_avg_pool2d nn.functional.adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d
        adaptive_max_pool2d_with_indices adaptive_max_pool3d_with_indices nn.functional.batch_norm binary_cross_entropy
        binary_cross_entropy_with_logits gaussian_nll_loss huber_loss nn.functional.instance_norm l1_loss max_unpool1d
        max_unpool2d max_unpool3d mse_loss smooth_l1_loss""",
        {"tensor by its size": "input"},
    ),
    (
        """binary_cross_entropy binary_cross_entropy_with_logits huber_loss l1_loss linear_cross_entropy mse_loss
        smooth_l1_loss""",
        {"tensor by its size": "target"},
    ),
    ("binary_cross_entropy huber_loss l1_loss mse_loss", {"tensor by its size or None": "weight"}),
]
"""Functions (by name, or by path where only one of that name is meant) and what is different in them."""

EXACT_OUT = frozenset(
    """addmm addmv addbmm baddbmm bmm dot mv mm matmul vdot complex polar cross cummax cummin diag frexp isin
    lu_solve lu_unpack quantile nanquantile softmax log_softmax aminmax amax amin argmax argmin
    nn.functional.avg_pool2d nn.functional.avg_pool3d nn.functional.linear nn.functional.logsigmoid
    nn.functional.softshrink nn.functional.hardshrink nn.functional.gelu nn.functional.softplus ormqr
    float_power qr triangular_solve nan_to_num svd index_copy index_add index_reduce
    scatter scatter_add scatter_reduce histogram histc bucketize searchsorted msort renorm take_along_dim tril triu
    tensordot logcumsumexp where norm linalg.cross linalg.det linalg.cholesky linalg.cholesky_ex linalg.vecdot
    linalg.eigh linalg.eigvalsh linalg.ldl_factor linalg.ldl_factor_ex linalg.ldl_solve linalg.multi_dot linalg.norm
    linalg.matrix_norm linalg.qr linalg.slogdet linalg.vector_norm linalg.lu_factor linalg.lu_factor_ex linalg.lu
    linalg.lu_solve linalg.inv linalg.inv_ex linalg.solve linalg.solve_ex linalg.solve_triangular linalg.svd
    linalg.svdvals linalg.matrix_power matrix_power round slice_scatter""".split()
)
"""Functions whose `out=` must have the result's dtype exactly, beside those that see to it themselves (`outputs.placed`);
elsewhere the result is converted if it may be."""

UNCHECKED_METHODS = frozenset(
    """add add_ bfloat16 bool byte cdouble cfloat char clone contiguous cpu data_ptr detach detach_ dim div div_ double
    element_size expand fill_ float get_device half int is_complex is_contiguous is_floating_point item long mean mul mul_
    numel permute requires_grad_ reshape resolve_conj resolve_neg select short size squeeze stride sub sub_ sum t tolist
    transpose unsqueeze view zero_""".split()
)
"""Methods that take a microsecond or two, in which even a second call would be felt. They refuse by themselves."""
