/**
 * `npm run new -- KIND NAME` writes a new operator, rule, diagnostic, command or format: its file, its registration, its test and
 * its golden stub. What it wrote compiles and changes nothing yet; `npx vitest run test/new.test.ts` lists the lines that are
 * left to fill in.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isProgram } from './generated.ts';
import { type Files, kinds, mark, Refused } from './new/kinds.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

export const repository: Files = {
  read: (path) => (existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined),
  list: (folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .sort(),
};

/** Lines of the repository that are not filled in yet. */
export function left(folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(?:ts|res|ir)$/.test(name))
      .sort()
      .flatMap((name) => {
        const lines = readFileSync(join(root, folder, name), 'utf8').split('\n');
        return lines.flatMap((line, i) => (line.includes(mark) ? [`${folder}/${name}:${i + 1}: ${line.trim()}`] : []));
      }),
  );
}

function usage(): string {
  return Object.entries(kinds)
    .map(([name, kind]) => `npm run new -- ${name} ${kind.usage}`)
    .join('\n');
}

function main([kindName = '', name = '']: readonly string[]): number {
  const kind = Object.hasOwn(kinds, kindName) ? kinds[kindName] : undefined;
  if (!kind || name === '') {
    console.error(usage());
    return 2;
  }
  try {
    const plan = kind.plan(name, repository);
    for (const [path, text] of plan) {
      const file = join(root, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    const sources = [...plan.keys()].filter((path) => path.endsWith('.ts'));
    spawnSync(process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'check', '--write', ...sources], { cwd: root });
    console.log([...plan.keys()].map((path) => `wrote ${path}`).join('\n'));
    console.log(`\nnext:\n  fill in what \`npx vitest run test/new.test.ts\` lists`);
    for (const step of kind.next) console.log(`  ${step}`);
    return 0;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.error(error.message);
    return 2;
  }
}

if (isProgram(import.meta.url)) process.exitCode = main(process.argv.slice(2));
