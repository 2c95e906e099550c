/**
 * Short and usual names that are no framework's own: `bn` for a batchnorm, `k` for a kernel, `out_ch` for the channels that come
 * out. What they mean hangs on nothing but the name.
 */

/** Letters alone: `BN`, `max_pooling` and `maxPooling` are spelled as `bn` and `maxpooling`. */
const fold = (name: string): string => name.toLowerCase().replaceAll('_', '');

const depthwise = 'conv(channels(), 3x3, groups=channels())';
const pointwise = 'conv({64}, 1x1)';

/**
 * What is written here, and the names that people have for it. A name alone is a layer of ours, which takes the arguments; `{64}`
 * stands for the first of them.
 */
const layers: readonly (readonly [ours: string, names: string])[] = [
  ['batchnorm', 'bn bnorm bn1d bn2d bn3d batchnormalisation batchnormalise batchnormalize'],
  ['groupnorm', 'gn gnorm groupnormalization groupnormalisation'],
  ['instancenorm', 'inorm instnorm instancenormalization instancenormalisation'],
  ['layernorm', 'ln lnorm layernormalisation layernormalise layernormalize'],
  ['rmsnorm', 'rms rmsn rmsnormalization'],
  ['linear', 'fc fcl fullyconnected dense lin affine mlp innerproduct ip'],
  ['conv', 'convolution convolve cnn conv1 convlayer'],
  [depthwise, 'dw dwconv depthwise depthwiseconv depthconv dconv convdw separable'],
  [pointwise, 'pw pwconv pointwise pointwiseconv convpw'],
  [`${depthwise}  ${pointwise}`, 'sepconv separableconv depthwiseseparable depthwiseseparableconv'],
  ['conv({64}, 1x1)', 'conv1x1'],
  ['conv({64}, 3x3)', 'conv3x3'],
  ['conv({64}, 5x5)', 'conv5x5'],
  ['conv({64}, 7x7)', 'conv7x7'],
  ['conv_transpose', 'deconv convt tconv convtrans transposedconv deconvolution upconv transposeconv convtransposed'],
  ['maxpool', 'mp maxp pool pooling maxpooling'],
  ['avgpool', 'ap avgp averagepool averagepooling avgpooling meanpool meanpooling'],
  ['global_avgpool', 'gap gapool globalpool globalpooling globalaveragepool globalmeanpool globalavgpooling'],
  ['global_maxpool', 'gmp gmpool globalmaxpooling'],
  ['adaptive_avgpool', 'aap adaptivepool adaptiveavgpooling adaptiveaveragepool'],
  ['adaptive_maxpool', 'amp adaptivemaxpooling'],
  ['leaky_relu', 'lrelu leaky lkrelu'],
  ['sigmoid', 'sig sigm logistic'],
  ['softmax', 'sm smax'],
  ['hardswish', 'hswish'],
  ['hardsigmoid', 'hsigmoid'],
  ['relu', 'act activation nonlin nonlinearity rectifier'],
  ['dropout', 'drop do dp'],
  ['stochastic_depth', 'droppath dropconnect sd'],
  ['embedding', 'emb embed embeddings lookup'],
  ['attention', 'attn mha mhsa sa selfattention selfattn multiheadselfattention'],
  ['flatten', 'flat ravel'],
  ['concat', 'join catenate'],
  ['resize(scale=2)', 'up upsampling'],
  ['maxpool(2x2)', 'down downsample downsampling'],
  ['pixel_shuffle', 'ps shuffle depthtospace pixelshuffling'],
  ['pixel_unshuffle', 'spacetodepth'],
  ['channel_shuffle', 'shufflechannels'],
  ['transpose', 'trans tr'],
  ['matmul', 'mm bmm dot'],
  ['identity', 'noop nop pass passthrough id'],
  ['residual { conv(channels(), 3x3)  batchnorm  relu }', 'res resblock residualblock skip skipconnection basicblock'],
];

/** What an argument may be called, and what layers call it: the first that the layer has is meant. */
const parameters: readonly (readonly [ours: readonly string[], names: string])[] = [
  [['kernel'], 'k ks ksize kernelsize kernelshape kern filtersize filter poolsize window windowsize size win'],
  [['stride'], 's st str strides step steps subsample'],
  [['pad'], 'p pads padding padwidth zeropadding border'],
  [['dilation'], 'd dil dilations dilationrate rate atrous'],
  [['groups'], 'g grp group numgroups ngroups cardinality'],
  [
    ['out', 'dim', 'hidden', 'units'],
    'c ch cout outch outc oc channels outchannels nchannels nchannelsout outplanes filters numfilters nfilters nf outfeatures features outdim units n numunits width dim hidden hiddensize planes outputs output numoutputs classes nclasses numclasses size outsize',
  ],
  [['num'], 'vocab vocabsize numembeddings n size entries inputdim'],
  [['dim'], 'd embeddingdim embdim dmodel outputdim width size'],
  [['classes'], 'n nclasses numclasses num depth'],
  [['heads'], 'h nhead nheads numheads headcount'],
  [['kv_heads'], 'kvheads nkvheads numkvheads numkeyvalueheads'],
  [['causal'], 'iscausal autoregressive'],
  [['mask'], 'attnmask attentionmask'],
  [['layers'], 'numlayers nlayers depth'],
  [['bidirectional'], 'bi bidir'],
  [['eps'], 'e epsilon'],
  [['bias'], 'b usebias withbias hasbias'],
  [['slope', 'alpha'], 'negativeslope alpha leak a leakiness'],
  [['p'], 'rate prob dropprob droprate dropout ratio'],
  [['scale'], 'factor scalefactor scales upscale f times'],
  [['to'], 'size sizes outputsize target shape outsize'],
  [['mode'], 'interpolation method paddingmode'],
  [['axis', 'axes'], 'ax dim dims axes axis dimension'],
  [['keepdims'], 'keepdim keep'],
  [['value'], 'fill constant v padvalue fillvalue'],
  [['ceil'], 'ceilmode'],
  [['parts'], 'n chunks sections num numparts numsplits'],
  [['sizes'], 'splits split lengths splitsize'],
  [['iou'], 'iouthreshold threshold thresh nmsthreshold'],
  [['score'], 'scorethreshold confidence conf'],
  [['output_pad'], 'outputpadding outpad'],
  [['elem'], 'dtype type'],
  [['k'], 'n num count top'],
  [['grid'], 'size outputsize outsize'],
  [['sampling'], 'samplingratio ratio'],
  [['scale'], 'spatialscale'],
  [['theta'], 'base freqbase ropetheta ropebase'],
  [['positions'], 'positionids pos offset'],
  [['min'], 'minval minvalue low lo'],
  [['max'], 'maxval maxvalue high hi'],
  // Of `ode`: torchdiffeq, SciPy and diffrax.
  [['solver'], 'method'],
  [['steps'], 'numsteps nsteps stepsize dt'],
  [['t'], 'times ts tspan'],
  [['rtol'], 'tol'],
  [['max_steps'], 'maxnumsteps'],
];

/** What is known from the tensor that goes in, under the names that people have for it. */
const incoming = 'cin inch inc ic inchannels infeatures inplanes inp inputchannels indim insize nin inputdim inputsize';

/** Whether a name is one of those in a row. */
const isIn = (names: string, name: string): boolean => names.split(' ').includes(fold(name));

/** What to write for a short name of a layer, called with such arguments; undefined where it is none. */
export const shortLayer = (name: string, first?: string): string | undefined =>
  layers.find(([, names]) => isIn(names, name))?.[0].replace(/\{(\w+)\}/g, (_, usual: string) => first ?? usual);

/** Which of these parameters a short name stands for; undefined where it is none of theirs. */
export function shortParameter(name: string, known: readonly string[]): string | undefined {
  const folded = fold(name);
  const same = known.find((one) => fold(one) === folded);
  if (same !== undefined) return same;
  for (const [ours, names] of parameters) {
    if (!isIn(names, name)) continue;
    const found = ours.find((one) => known.includes(one));
    if (found !== undefined) return found;
  }
  // `ker` can be nothing but the kernel.
  const begun = known.filter((one) => fold(one).startsWith(folded));
  return begun.length === 1 ? begun[0] : undefined;
}

/** Whether a name stands for what is known from the tensor that goes in. */
export const isIncoming = (name: string): boolean => isIn(incoming, name);

/** All of them, for the tests. @internal */
export const shortNames = (): { readonly layers: readonly string[]; readonly parameters: readonly string[] } => ({
  layers: layers.flatMap(([, names]) => names.split(' ')),
  parameters: [...new Set(parameters.flatMap(([ours]) => ours))],
});
