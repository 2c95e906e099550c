/** Options that messages and hints tell people to type are options of some command. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rescc, root } from './rescc.ts';

/** Options of other programs: of npm, pip, tf2onnx, nvidia-smi, cp, sips, V8 and Node. */
const others = new Set(
  '--end --force-reinstall --format --graphdef --heap-growing-percent --ignore-scripts --interrupt-budget --invocation-count-for-turbofan --keras --max-inlined-bytecode-size-cumulative --out --query-gpu --remove-destination --semi-space-growth-factor --tflite --version --no-config --no-incremental-marking --max-ms --sbom-format --no-verify'.split(
    ' ',
  ),
);

describe('options in messages', () => {
  it('are there', () => {
    const commands = [...rescc(['--help']).out.matchAll(/^ {2}([a-z]+)(?: |$)/gm)].map(([, name = '']) => name);
    expect(commands).toContain('compile');
    const known = new Set(commands.flatMap((name) => rescc([name, '--help']).out.match(/--[a-z][a-z0-9-]*/g) ?? []));
    const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.ts') && !name.startsWith('view/page') && !name.includes('figure'),
    );
    const wrong = files.flatMap((name) =>
      [...readFileSync(join(root, 'src', name), 'utf8').matchAll(/(?<![\w-])--[a-z][a-z0-9-]+/g)]
        .map(([option]) => option)
        .filter((option) => !known.has(option) && !others.has(option))
        .map((option) => `${option} in ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});
