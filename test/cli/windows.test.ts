/** Paths as Windows has them: drives, servers, and both signs between folders. */
import { posix, win32 } from 'node:path';
import { describe, expect, test } from 'vitest';
import { importPath } from '../../src/cli/files.ts';
import { build } from '../../src/index.ts';

describe('an import', () => {
  test.each([
    ['./unit.res', 'C:\\nets\\net.res', 'C:\\nets\\unit.res'],
    ['blocks/unit.res', 'C:\\nets\\net.res', 'C:\\nets\\blocks\\unit.res'],
    ['../unit.res', 'C:/nets/small/net.res', 'C:\\nets\\unit.res'],
    ['../unit.res', '\\\\server\\share\\nets\\net.res', '\\\\server\\share\\unit.res'],
    ['unit.res', 'C:\\net.res', 'C:\\unit.res'],
    ['unit.res', 'C:net.res', 'C:unit.res'],
    ['blocks/unit.res', 'nets\\net.res', 'nets\\blocks\\unit.res'],
    ['blocks/unit.res', 'net.res', 'blocks\\unit.res'],
    ['unit.res', '<stdin>', 'unit.res'],
    ['/unit.res', 'net.res', 'unit.res'],
  ])('of %s by %s lies at %s', (from, importer, expected) => {
    expect(importPath(from, importer, win32)).toBe(expected);
  });

  test('lies beside its file elsewhere, too', () => {
    expect(importPath('../blocks/unit.res', '/nets/small/net.res', posix)).toBe('/nets/blocks/unit.res');
    expect(importPath('unit.res', '<stdin>', posix)).toBe('unit.res');
  });

  test('means the same on every system: a backslash is refused before anything is looked for', () => {
    const asked: string[] = [];
    const { diagnostics } = build('import { A } from "blocks\\\\unit.res"\nmodel M { input x: f32[N]  A  output y }', {
      resolveImport(from) {
        asked.push(from);
        return undefined;
      },
    });
    expect(asked).toEqual([]);
    expect(diagnostics[0]).toMatchObject({ code: 'RES0105', hint: 'write `from "blocks/unit.res"`' });
  });
});
