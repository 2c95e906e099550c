/** The scripts that complete: bash's is run by bash, the others are looked at. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { folder, rescc } from './rescc.ts';

const scriptOf = (shell: string): string => {
  const answer = rescc(['completion', shell]);
  expect(answer).toMatchObject({ code: 0, err: '' });
  return answer.out;
};

describe('bash', () => {
  const script = scriptOf('bash');
  /** What bash offers for the last of these words. */
  const offered = (...words: string[]): readonly string[] => {
    const line = words.map((word) => `'${word}'`).join(' ');
    const call = `${script}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _rescc; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const done = spawnSync('bash', ['-c', call], { encoding: 'utf8' });
    expect(done.stderr).toBe('');
    return done.stdout.split('\n').filter((word) => word !== '');
  };
  test('is a script', () => {
    const { path, remove } = folder({ script });
    expect(spawnSync('bash', ['-n', `${path}/script`], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    remove();
  });
  test('commands, options of each, values, and files by the shell', () => {
    expect(offered('rescc', 'ch')).toEqual(['check']);
    expect(offered('rescc', '')).toContain('summary');
    expect(offered('rescc', 'summary', 'net.res', '--de')).toEqual(expect.arrayContaining(['--depth', '--define']));
    expect(offered('rescc', 'check', '--de')).toContain('--define');
    expect(offered('rescc', 'check', '--de')).not.toContain('--depth');
    expect(offered('rescc', 'net.res', '--emi')).toEqual(['--emit']);
    expect(offered('rescc', 'net.res', '--emit', 'onnx')).toEqual(['onnx', 'onnx-text']);
    expect(offered('rescc', 'verify', 'net.res', '--ep', 'w')).toEqual(['webgpu']);
    expect(offered('rescc', 'net.res', '--target', '')).toEqual(['portable', 'cpu', 'webgpu', 'cuda']);
    expect(offered('rescc', 'completion', '')).toEqual(['bash', 'zsh', 'fish', 'powershell']);
    expect(offered('rescc', 'explain', 'resi')).toEqual(['residual', 'resize']);
    expect(offered('rescc', 'explain', 'fold-batch')).toEqual(['fold-batchnorm']);
    expect(offered('rescc', 'summary', '')).toEqual([]);
  });
});

test.each([
  ['zsh', /^#compdef rescc\n/, /'\*--json\[prints one JSON object\]'/],
  ['fish', /complete -c rescc -n __fish_use_subcommand -a summary /, /__fish_seen_subcommand_from verify' -l ep -x -a 'cpu/],
  ['powershell', /Register-ArgumentCompleter -Native -CommandName rescc/, /'--target' = @\('portable', 'cpu'/],
])('%s', (shell, ...expected) => {
  const script = scriptOf(shell);
  for (const text of expected) expect(script).toMatch(text);
  for (const command of ['compile', 'optimize', 'weights', 'completion']) expect(script).toContain(command);
  // Quotes and brackets are in pairs, whatever the descriptions hold.
  const { path, remove } = folder({ script });
  const file = `${path}/script`;
  const found = spawnSync(
    shell === 'powershell' ? 'pwsh' : shell,
    shell === 'powershell' ? ['-NoProfile', '-File', file] : ['-n', file],
    {
      encoding: 'utf8',
    },
  );
  if (!found.error) expect(found).toMatchObject({ status: 0, stderr: '' });
  remove();
});

test('what fish offers, where it is installed', () => {
  const { path, remove } = folder({ script: scriptOf('fish') });
  const offered = (line: string): readonly string[] => {
    const done = spawnSync('fish', ['--no-config', '-c', `source ${path}/script; complete -C '${line}'`], {
      encoding: 'utf8',
      cwd: path,
    });
    return done.error ? [] : done.stdout.split('\n').map((one) => one.split('\t')[0] ?? '');
  };
  if (offered('rescc ').length > 0) {
    expect(offered('rescc summ')).toContain('summary');
    expect(offered('rescc run x.onnx --as ')).toEqual(expect.arrayContaining(['picture', 'mask', 'boxes']));
    expect(offered('rescc verify x.res --ep w')).toContain('webgpu');
    expect(offered('rescc check --dep')).not.toContain('--depth');
  }
  remove();
});

test('another shell is refused by name', () => {
  expect(rescc(['completion', 'tcsh'])).toMatchObject({
    code: 2,
    out: '',
    err: expect.stringContaining('bash, zsh, fish, powershell'),
  });
});
