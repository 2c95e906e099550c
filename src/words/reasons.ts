/** Names of PyTorch for which there is nothing to write here, by the reason why. The first that a name belongs to holds. */
import type { Reason } from './word.ts';

const block = 'write it as a block';

export const reasons = (): readonly Reason[] => [
  {
    title: 'Containers',
    names: `
      Sequential ModuleList ModuleDict Container`,
    why: 'holds modules; here the statements of a body follow each other, and labels name them',
    instead:
      'write `features: sequential { conv(8, 3x3)  relu }` for the paths `features.0`, `features.1`, or `layers: repeat n { … }`',
  },
  {
    title: 'Modules of your own',
    names: `
      Module ScriptModule modules`,
    why: 'is the class of modules; here a part of a network is a block, and what can be compiled a model',
    instead: 'write `block Name(width) { … }` or `model Name { input x: f32[N, 3, 32, 32] … output y }`',
  },
  {
    title: 'Parameters of your own',
    names: `
      Parameter ParameterList ParameterDict Buffer BufferDict UninitializedParameter UninitializedBuffer parameter`,
    why: 'is a statement here',
    instead: 'write `param scale: f32[1] = ones`',
  },
  {
    title: 'Initialisation',
    names: `
      init empty empty_like empty_strided empty_permuted empty_quantized new_empty new_empty_strided new_tensor new
      new_full new_ones new_zeros`,
    why: 'makes or fills memory; here an initialiser stands at the parameter',
    instead: 'write `init=normal(0.02)` in a layer, `param x: f32[4] = zeros`, or `full([2, 3], 0)` for a constant',
  },
  {
    title: 'Random numbers',
    names: `
      normal poisson binomial multinomial bernoulli seed manual_seed initial_seed default_generator Generator random
      quasirandom distributions thread_safe_generator get_rng_state set_rng_state cauchy_ exponential_ geometric_
      log_normal_ random_ uniform_ normal_ bernoulli_ gumbel_softmax reinforce rand rand_like randint randint_like randn
      randn_like randperm`,
    why: 'draws random numbers, which a compiled graph must not do',
    instead: 'make the noise an input: `input noise: f32[N, 16]`',
  },
  {
    title: 'Losses',
    names: `
      AdaptiveLogSoftmaxWithLoss LinearCrossEntropyOptions kl_div binary_cross_entropy_with_logits cosine_embedding_loss
      ctc_loss hinge_embedding_loss margin_ranking_loss miopen_ctc_loss poisson_nll_loss triplet_margin_loss BCELoss
      BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss HingeEmbeddingLoss HuberLoss
      KLDivLoss L1Loss LinearCrossEntropyLoss MSELoss MarginRankingLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss
      MultiMarginLoss NLLLoss NLLLoss2d PoissonNLLLoss SmoothL1Loss SoftMarginLoss TripletMarginLoss
      TripletMarginWithDistanceLoss binary_cross_entropy cross_entropy gaussian_nll_loss huber_loss l1_loss
      linear_cross_entropy mse_loss multi_margin_loss multilabel_margin_loss multilabel_soft_margin_loss nll_loss
      smooth_l1_loss soft_margin_loss triplet_margin_with_distance_loss`,
    why: 'is a loss, which belongs to training; a compiled model is a function of its inputs',
    instead: 'end the model at what the loss is computed from: `output logits`',
  },
  {
    title: 'Gradients and training',
    names: `
      autograd grad no_grad enable_grad inference_mode set_grad_enabled is_grad_enabled is_inference
      is_inference_mode_enabled detach requires_grad requires_grad_ retain_grad retains_grad grad_fn grad_dtype is_leaf
      output_nr backward register_hook register_post_accumulate_grad_hook optim GradScaler amp autocast
      set_anomaly_enabled is_anomaly_enabled is_anomaly_check_nan_enabled func vmap functional_call Gradient gradient
      volatile data autocast_decrement_nesting autocast_increment_nesting batch_norm_backward_elemt
      batch_norm_backward_reduce clear_autocast_cache get_autocast_cpu_dtype get_autocast_dtype get_autocast_gpu_dtype
      get_autocast_ipu_dtype get_autocast_xla_dtype is_autocast_cache_enabled is_autocast_cpu_enabled is_autocast_enabled
      is_autocast_ipu_enabled is_autocast_xla_enabled mkldnn_linear_backward_weights set_autocast_cache_enabled
      set_autocast_cpu_dtype set_autocast_cpu_enabled set_autocast_dtype set_autocast_enabled set_autocast_gpu_dtype
      set_autocast_ipu_dtype set_autocast_ipu_enabled set_autocast_xla_dtype set_autocast_xla_enabled`,
    why: 'belongs to training; nothing is differentiated here',
    instead: 'leave it out: a compiled model is the function alone, in its inference form',
  },
  {
    title: 'Quantisation',
    names: `
      qint8 qint32 quint8 quint2x4 quint4x2 qscheme ao qat int_repr dequantize quantized quantizable quantization
      intrinsic QInt32Storage QInt8Storage QUInt2x4Storage QUInt4x2Storage QUInt8Storage choose_qparams_optimized
      fake_quantize_per_channel_affine fake_quantize_per_tensor_affine fbgemm_linear_fp16_weight
      fbgemm_linear_fp16_weight_fp32_activation fbgemm_linear_int8_weight fbgemm_linear_int8_weight_fp32_activation
      fbgemm_linear_quantize_weight fbgemm_pack_gemm_matrix_fp16 fbgemm_pack_quantized_matrix
      fused_moving_avg_obs_fake_quant per_channel_affine per_channel_affine_float_qparams per_channel_symmetric
      per_tensor_affine per_tensor_symmetric q_per_channel_axis q_per_channel_scales q_per_channel_zero_points
      q_zero_point quantize_per_channel quantize_per_tensor quantize_per_tensor_dynamic quantized_batch_norm quantized_gru
      quantized_gru_cell quantized_lstm quantized_lstm_cell quantized_max_pool1d quantized_max_pool2d quantized_max_pool3d
      quantized_rnn_relu_cell quantized_rnn_tanh_cell is_quantized`,
    why: 'belongs to quantisation, which this language has no words for',
    instead: 'compile the model in floats and quantise the ONNX file with a tool for that',
  },
  {
    title: 'Sparse and nested tensors',
    names: `
      sparse nested jagged hspmm hsmm dsmm smm saddmm sspaddmm spmm coalesce is_coalesced indices values crow_indices
      ccol_indices col_indices row_indices indices_copy values_copy crow_indices_copy ccol_indices_copy col_indices_copy
      row_indices_copy dense_dim sparse_dim to_dense to_padded_tensor sparse_mask resize_as_sparse_ sparse_bsc
      sparse_bsc_tensor sparse_bsr sparse_bsr_tensor sparse_compressed_tensor sparse_coo sparse_coo_tensor sparse_csc
      sparse_csc_tensor sparse_csr sparse_csr_tensor is_sparse is_sparse_csr sparse_resize_ sparse_resize_and_clear_
      to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo to_sparse_csc to_sparse_csr`,
    why: 'is of sparse tensors; all tensors here are dense',
    instead: 'make the input of the model dense',
  },
  {
    title: 'Complex numbers and spectra',
    names: `
      complex polar angle imag view_as_complex view_as_real view_as_complex_copy view_as_real_copy complex32 complex64
      complex128 bcomplex32 cfloat cdouble chalf is_complex is_conj isreal fft stft istft signal bartlett_window
      blackman_window hamming_window hann_window kaiser_window ComplexType ComplexDoubleStorage ComplexFloatStorage is_neg`,
    why: 'is of complex numbers or spectra; all tensors here are real',
    instead: 'compute it before the model, and make the real numbers an input',
  },
  {
    title: 'Linear algebra',
    names: `
      linalg inner det logdet slogdet inverse pinverse svd svd_lowrank pca_lowrank qr cholesky cholesky_inverse cholesky_solve
      eig symeig lobpcg lstsq lu lu_solve lu_unpack solve triangular_solve geqrf orgqr ormqr matrix_exp matrix_power
      matrix_rank nuclear_norm linalg_solve cov corrcoef chain_matmul cdist pdist kron vander trace block_diag cross
      renorm norm_except_dim dist tensordot outer ger addr addbmm Bilinear bilinear`,
    why: 'has no layer here: of products there are `@`, `linear` and `conv`',
    instead: 'compute it before the model, or write it out with `einsum`, `@` and `reduce_sum`',
  },
  {
    title: 'Sizes that only the run knows',
    names: `
      nonzero_static argwhere masked_select masked_scatter unique_consecutive bincount histc histogram histogramdd
      repeat_interleave take combinations cartesian_prod segment_reduce item tolist numpy count_nonzero embedding_bag
      EmbeddingBag isin`,
    why: 'has a result whose size, or whose place, only the run knows',
    instead: 'write it with `nonzero`, `filter` and `unique`, or with `where` and `reduce_sum` over all elements',
  },
  {
    title: 'Sorting and searching',
    names: `
      msort kthvalue median nanmedian quantile nanquantile mode searchsorted bucketize cummax cummin
      aminmax`,
    why: 'has no layer here yet: there are `topk`, `sort`, `argsort`, `argmax`, `reduce_max` and `reduce_min`',
    instead: 'write it with those, or end the model before it',
  },
  {
    title: 'Writing into a tensor',
    names: `
      scatter_ scatter_add scatter_reduce select_scatter slice_scatter diagonal_scatter as_strided_scatter index_add
      index_copy index_fill index_put index_reduce put copy_ set_ set_data slice_inverse map_ map2_ apply_ swap_tensors
      fill fill_ zero_ fill_diagonal_`,
    why: 'writes into a tensor; values are never changed here',
    instead:
      'make another: `scatter(it, indices, updates)`, `scatter_elements`, `where(mask, value, it)`, or parts with `concat`',
  },
  {
    title: 'Recurrent cells',
    names: `
      RNNBase RNNCell LSTMCell GRUCell RNNCellBase rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell
      miopen_rnn mkldnn_rnn_layer`,
    why: 'is a step or a part of a recurrent layer',
    instead: 'write the whole layer, `lstm(64)`, `gru(64)` or `rnn(64)`, or the step out with `linear`, `sigmoid` and `tanh`',
  },
  {
    title: 'Attention and transformers',
    names: `
      MultiheadAttention multi_head_attention_forward Transformer TransformerEncoder TransformerEncoderLayer
      TransformerDecoder TransformerDecoderLayer`,
    why: 'is a block of several layers',
    instead: `${block} of \`linear\` and \`attention\`, as examples/bert.res and examples/gpt2.res do`,
  },
  {
    title: 'Sampling of grids',
    names: `
      affine_grid_generator grid_sampler grid_sampler_2d grid_sampler_3d
      cudnn_affine_grid_generator cudnn_grid_sampler GRID_SAMPLE_INTERPOLATION_MODES GRID_SAMPLE_PADDING_MODES`,
    why: 'is a part of grid_sample or affine_grid',
    instead: 'write those, `x -> grid_sample(grid)` and `theta -> affine_grid(H, W)`',
  },
  {
    title: 'Windows and patches',
    names: `
      Fold fold unfold_copy MaxUnpool#d max_unpool#d FractionalMaxPool2d FractionalMaxPool3d
      fractional_max_pool2d fractional_max_pool3d LPPool#d lp_pool#d LocalResponseNorm CrossMapLRN2d local_response_norm
      as_strided conv_tbc CircularPad#d max_pool1d_with_indices adaptive_max_pool1d_with_indices
      adaptive_max_pool2d_with_indices adaptive_max_pool3d_with_indices fractional_max_pool2d_with_indices
      fractional_max_pool3d_with_indices max_pool2d_with_indices max_pool3d_with_indices`,
    why: 'has no layer here',
    instead:
      'write what it is for with `conv`, `maxpool`, `avgpool`, `pad` and `reshape`: patches are `conv` with a stride of its kernel',
  },
  {
    title: 'Grids of coordinates',
    names: 'meshgrid',
    why: 'has no layer here yet',
    instead: 'write it with `range`, `reshape` and `expand`',
  },
  {
    title: 'Other things of the same name',
    names: 'gather resize',
    why: 'means something else in PyTorch than the layer of this name here',
    instead: 'read `rescc explain` of the layer; `gather_elements` picks element by element, and no layer changes memory',
  },
  {
    title: 'Loops and branches of the run',
    names: `
      cond while_loop scan associative_scan fori_loop`,
    why: 'takes functions, and is a statement here',
    instead:
      'write `loop n with a = x while condition { … }` for a loop of the run, `loop … collect { … }` where it gathers what the turns give, and `if condition { … } else { … }` for a branch',
  },
  {
    title: 'Functions without an ONNX operator here',
    names: `
      acos acosh asin asinh atan atan2 atanh arccos arccosh arcsin arcsinh arctan arctan2 arctanh erfinv lgamma digamma
      polygamma mvlgamma igamma igammac i0 sinc nextafter copysign heaviside signbit ldexp frexp fmod gcd lcm logaddexp2
      logcumsumexp cumprod cumulative_trapezoid trapezoid trapz nanmean nansum nan_to_num isfinite isneginf isposinf
      isclose allclose all any special inf nan newaxis std_mean var_mean bit eye linspace logspace
      tril_indices triu_indices diag diag_embed diagflat diagonal broadcast_tensors broadcast_shapes
      unravel_index numel nelement atleast_1d atleast_2d atleast_3d sum_to_size arange_ is_nonzero
      is_same_size hash_tensor bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_and_
      bitwise_left_shift_ bitwise_not_ bitwise_or_ bitwise_right_shift_`,
    why: 'has no layer here',
    instead: 'write it with what there is (docs/reference.md), or make it an input of the model',
  },
  {
    title: 'Fused and low-precision products',
    names: `
      scaled_mm scaled_addmm scaled_grouped_mm grouped_mm ScalingType SwizzleType scaled_addmm_`,
    why: 'is a product with scales of its own, for one kind of machine',
    instead: 'write the product in floats: `a @ b`',
  },
  {
    title: 'Element types that ONNX models do not compute with',
    names: `
      bits16 bits1x8 bits2x4 bits4x2 bits8 finfo iinfo DType dtype get_default_dtype set_default_dtype
      set_default_tensor_type promote_types result_type can_cast is_floating_point is_signed is_tensor is_storage itemsize
      element_size float4_e2m1fn_x2 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu int1 int2
      int3 int4 int5 int6 int7 uint1 uint2 uint3 uint4 uint5 uint6 uint7`,
    why: 'has no counterpart among the element types here',
    instead: 'use one of `f32 f16 bf16 f64 i64 i32 u8 bool` and `i8 i16 u16 u32 u64`',
  },
  {
    title: 'Devices, memory and threads',
    names: `
      device layout strided memory_format channels_last channels_last_3d contiguous_format preserve_format
      legacy_contiguous_format cuda cpu mps xpu mtia ipu hpu xla maia vulkan backends accelerator Stream Event stream
      pin_memory is_pinned is_contiguous is_shared share_memory_ storage storage_offset storage_type stride
      untyped_storage Storage StorageBase TypedStorage UntypedStorage data_ptr const_data_ptr record_stream get_device
      dim_order nbytes DataParallel parallel data_parallel distributed multiprocessing threading has_lapack has_mkl
      has_openmp has_spectral classes AcceleratorError OutOfMemoryError is_distributed is_vulkan_available is_cuda is_cpu
      is_mps Size Tag factory_kwargs resize_ resize_as resize_as_ to_mkldnn to_dlpack from_dlpack from_file frombuffer
      from_numpy Capsule BFloat16Storage BFloat16Tensor BoolStorage BoolTensor ByteStorage ByteTensor CharStorage
      CharTensor DeviceObjType DoubleStorage DoubleTensor FloatStorage FloatTensor HalfStorage HalfTensor IntStorage
      IntTensor LongStorage LongTensor ShortStorage ShortTensor StreamObjType Tensor cudnn_batch_norm cudnn_convolution
      cudnn_convolution_add_relu cudnn_convolution_relu cudnn_convolution_transpose cudnn_is_acceptable get_default_device
      get_deterministic_debug_mode get_file_path get_float32_matmul_precision get_num_interop_threads get_num_threads
      init_num_threads is_deterministic_algorithms_warn_only_enabled is_warn_always_enabled miopen_batch_norm
      miopen_convolution miopen_convolution_add_relu miopen_convolution_relu miopen_convolution_transpose
      miopen_depthwise_convolution mkldnn_adaptive_avg_pool2d mkldnn_convolution mkldnn_max_pool2d mkldnn_max_pool3d
      set_default_device set_deterministic_debug_mode set_float32_matmul_precision set_flush_denormal
      set_num_interop_threads set_num_threads set_printoptions set_warn_always unsafe_chunk unsafe_split_with_sizes is_ipu
      is_maia is_meta is_mkldnn is_mtia is_nested is_vulkan is_xla is_xpu`,
    why: 'is about devices, memory or threads; here a model is compiled once, for every runtime',
    instead: 'leave it out; `rescc run --ep` chooses where a model runs',
  },
  {
    title: 'Saving, compiling and exporting',
    names: `
      save load compile compiler jit export onnx fx package hub script serialization model_zoo ops library utils testing
      overrides profiler monitor futures fork wait`,
    why: 'is about saving, compiling or exporting Python programs; here `rescc` compiles the file',
    instead: 'write `rescc model.res --weights model.pth -o model.onnx`',
  },
  {
    title: 'Python and the insides of PyTorch',
    names: `
      functional nn torch F common_types types typing typing_extensions math os sys inspect importlib builtins ctypes
      functools glob platform textwrap warnings dataclasses np version windows torch_version cpp foreach masked
      return_types classproperty typename obj AnyType Callable Optional TYPE_CHECKING reproducibility_notes
      sparse_support_notes tf32_notes boolean_dispatch assert_int_or_pair handle_torch_function has_torch_function
      has_torch_function_unary has_torch_function_variadic BroadcastingList1 BroadcastingList2 BroadcastingList3
      convolution name module_load index as_subclass is_set_to positive_ q_scale AVG AggregationType AliasDb Argument
      ArgumentSpec AwaitType BenchmarkConfig BenchmarkExecutionStats Block BoolType CallStack ClassType Code
      CompilationUnit CompleteArgumentSpec ConcreteModuleType ConcreteModuleTypeBuilder DeepCopyMemoTable
      DeserializationStorageContext DictType DisableTorchFunction DisableTorchFunctionSubclass DispatchKey DispatchKeySet
      EnumType ExcludeDispatchKeyGuard ExecutionPlan FatalError FileCheck FloatType FunctionSchema Future FutureType Graph
      GraphExecutorState IODescriptor InferredType IntType InterfaceType JITException ListType LiteScriptModule
      LockingLogger Node NoneType NoopLogger NumberType OperatorInfo OptionalType PRIVATE_OPS PyObjectType
      PyTorchFileReader PyTorchFileWriter RRefType SUM ScriptClass ScriptClassFunction ScriptDict ScriptDictIterator
      ScriptDictKeyIterator ScriptFunction ScriptList ScriptListIterator ScriptMethod ScriptModuleSerializer ScriptObject
      ScriptObjectProperty SerializationStorageContext StaticModule StringType SymBool SymBoolType SymFloat SymInt
      SymIntType TensorType ThroughputBenchmark TracingState TupleType Type USE_GLOBAL_DEPS USE_RTLD_GLOBAL_WITH_LIBTORCH
      UnionType Use Value are_deterministic_algorithms_enabled batch_norm_elemt batch_norm_gather_stats
      batch_norm_gather_stats_with_counts batch_norm_stats batch_norm_update_stats compiled_with_cxx11_abi
      embedding_renorm_ get_device_module import_ir_module import_ir_module_from_buffer merge_type_from_type_comment
      native_batch_norm native_group_norm native_layer_norm native_norm parse_ir parse_schema parse_type_comment
      prepare_multiprocessing_environment profiler_allow_cudagraph_cupti_lazy_reinit_cuda12 sym_constrain_range
      sym_constrain_range_for_size sym_float sym_fresh_size sym_int sym_ite sym_max sym_min sym_not sym_sqrt sym_sum
      unify_type_list use_deterministic_algorithms ErrorReport LoggerBase`,
    why: 'belongs to Python or to the insides of PyTorch',
    instead: 'leave it out',
  },
];
