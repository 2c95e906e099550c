/** What the scripts that write documents share: write the file, or with `--check` compare it and exit with 1 where it differs. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** Whether the module with this `import.meta.url` is the program that runs. */
export const isProgram = (url: string): boolean => url === pathToFileURL(process.argv[1] ?? '').href;

/** `name` is the path from the root of the repository, `what` says how much it holds. */
export function writeOrCompare(name: string, text: string, what: string): void {
  const file = new URL(`../${name}`, import.meta.url);
  if (!process.argv.includes('--check')) {
    mkdirSync(new URL('.', file), { recursive: true });
    writeFileSync(file, text);
    return;
  }
  let old: string | undefined;
  try {
    old = readFileSync(file, 'utf8');
  } catch {
    old = undefined;
  }
  if (old === text) {
    console.log(`${name} is up to date with ${what}`);
    return;
  }
  console.error(`${name} is ${old === undefined ? 'missing' : 'stale'}: npm run generate`);
  process.exitCode = 1;
}
