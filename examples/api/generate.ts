/**
 * Text from a language model: greedy or drawn, one token after another, with the keys and values of the tokens before kept
 * between the calls (docs/language.md, "A past"). Without arguments it shows that on a small network without training.
 *
 *     rescc examples/gpt2.res --model GPT2WithPast --weights gpt2/model.safetensors -o gpt2.onnx
 *     node --import tsx examples/api/generate.ts gpt2.onnx gpt2/tokenizer.json 'A residual network is'
 */
import { readFile } from 'node:fs/promises';
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { Tokenizer } from '@huggingface/tokenizers';
import { compileFile, type HostTensor, type KeptTensor, type ModelSession, openSession } from 'rescc/node';

export interface GenerateOptions {
  readonly count: number;
  /** Above 0 tokens are drawn, from logits that are divided by it; at 0 the likeliest is taken, the first of several. */
  readonly temperature?: number;
  /** Only so many of the likeliest are drawn from. */
  readonly topK?: number;
  /** Numbers in [0, 1). */
  readonly random?: () => number;
}

/**
 * The tokens behind those of `prompt`, one by one; `model` takes `past_key_values.…` and gives `present.…`. Opened with
 * `keep: ['present.*']`, the past stays where onnxruntime has it, which may be a GPU's memory.
 */
export async function* generate(
  model: ModelSession<KeptTensor>,
  prompt: readonly number[],
  options: GenerateOptions,
): AsyncGenerator<number> {
  let past: Record<string, HostTensor | KeptTensor> = {};
  for (const { name, elem, dims } of model.inputs)
    if (name.startsWith('past_key_values.')) {
      // [batch, heads, tokens, features]: of one text, nothing yet.
      const empty = [1, dims[1], 0, dims[3]].map(Number);
      past[name] = { elem, dims: empty, data: new Float64Array(0) };
    }
  let read = prompt;
  try {
    for (let i = 0; i < options.count; i++) {
      const { logits, ...present } = await model.run({ input_ids: { dims: [1, read.length], data: [...read] }, ...past });
      if (!logits || !('data' in logits)) throw new Error('the model has no output named logits, or keeps it');
      free(past);
      past = Object.fromEntries(
        Object.entries(present).map(([name, kept]) => [name.replace('present', 'past_key_values'), kept]),
      );
      const token = choose(logits.data.slice(-Number(logits.dims[2])), options);
      yield token;
      read = [token];
    }
  } finally {
    free(past);
  }
}

/** Memory of a GPU is not collected. */
function free(tensors: Readonly<Record<string, HostTensor | KeptTensor>>): void {
  for (const tensor of Object.values(tensors)) if ('dispose' in tensor) tensor.dispose();
}

function choose(
  logits: ArrayLike<number>,
  { temperature = 0, topK = logits.length, random = Math.random }: GenerateOptions,
): number {
  const ranked = Array.from(logits, (logit, token) => ({ logit, token })).sort((a, b) => b.logit - a.logit);
  const best = ranked[0];
  if (!best || temperature === 0) return best?.token ?? 0;
  const drawn = ranked
    .slice(0, topK)
    .map(({ logit, token }) => ({ token, weight: Math.exp((logit - best.logit) / temperature) }));
  let rest = random() * drawn.reduce((sum, { weight }) => sum + weight, 0);
  for (const { token, weight } of drawn) {
    rest -= weight;
    if (rest < 0) return token;
  }
  return best.token;
}

if (argv[1] && import.meta.url === pathToFileURL(argv[1]).href) {
  const [path, tokenizerPath, text] = argv.slice(2);
  if (path && tokenizerPath && text) {
    const tokenizer = new Tokenizer(JSON.parse(await readFile(tokenizerPath, 'utf8')), {});
    await using model = await openSession(path, { keep: ['present.*'] });
    const tokens = tokenizer.encode(text).ids;
    for await (const token of generate(model, tokens, { count: 40, temperature: 0.8, topK: 50 })) tokens.push(token);
    console.log(tokenizer.decode(tokens));
  } else {
    const defines = { layers: 2, width: 32, heads: 4, vocab: 11, context: 32 };
    const { bytes } = await compileFile('examples/gpt2.res', { model: 'GPT2WithPast', defines, seed: 1 });
    await using model = await openSession(await bytes(), { keep: ['present.*'] });
    const tokens: number[] = [];
    for await (const token of generate(model, [3, 1, 4], { count: 6 })) tokens.push(token);
    console.log(`behind 3 1 4: ${tokens.join(' ')}`);
  }
}
