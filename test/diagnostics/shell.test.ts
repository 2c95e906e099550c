/** What hints tell a user to type is there on the user's platform. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { command, commandHint, tasks } from '../../src/diagnostics/shell.ts';
import { adapterHint } from '../../src/runtime/provider.ts';

const source = fileURLToPath(new URL('../../src', import.meta.url));
const all = (platform: string): string => tasks.map((task) => command(task, 'a.bin', platform)).join('\n');

describe('commands in hints', () => {
  test('are those of the platform', () => {
    expect(all('linux')).toBe(
      'ls -l a.bin\nsha256sum a.bin\nfile a.bin, which tells what it is\nconvert a.bin picture.png\n' +
        'convert a.bin -resize 4096x4096 smaller.png\nmkdir -p a.bin\niconv -f UTF-16 -t UTF-8 a.bin\niconv -f LATIN1 -t UTF-8 a.bin',
    );
    expect(all('darwin')).toBe(
      'ls -l a.bin\nshasum -a 256 a.bin\nfile a.bin, which tells what it is\nsips -s format png a.bin --out picture.png\n' +
        'sips -Z 4096 -s format png a.bin --out smaller.png\nmkdir -p a.bin\niconv -f UTF-16 -t UTF-8 a.bin\niconv -f LATIN1 -t UTF-8 a.bin',
    );
    expect(all('win32')).toBe(
      'dir a.bin\ncertutil -hashfile a.bin SHA256\nFormat-Hex a.bin, whose first bytes tell what it is\nmagick a.bin picture.png\n' +
        'magick a.bin -resize 4096x4096 smaller.png\nmkdir a.bin\nGet-Content -Encoding Unicode a.bin | Set-Content -Encoding utf8 utf8.res\n' +
        'Get-Content -Encoding Latin1 a.bin | Set-Content -Encoding utf8 utf8.res',
    );
    expect(all('freebsd')).toBe(all('linux'));
  });

  test('of what is piped want a file', () => {
    expect(command('png', '<stdin>', 'linux')).toBe('save as FILE what is piped, then convert FILE picture.png');
  });

  test('stand in messages with the file in their place', () => {
    expect(commandHint(['look: ', '; then go on'], 'checksum', 'win32')).toEqual({
      parts: ['look: certutil -hashfile ', ' SHA256; then go on'],
      holes: ['file'],
    });
  });

  test('apt-get is told on Linux alone', () => {
    for (const platform of ['win32', 'darwin']) expect(adapterHint(platform, false)).not.toMatch(/apt-get|VK_ICD/);
    expect(adapterHint('linux', false)).toContain('apt-get install');
  });

  // In texts and templates, where a hint is; comments may name them.
  test('of one platform stand nowhere else', () => {
    const found = readdirSync(source, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !/diagnostics.shell\.ts$|runtime.provider\.ts$/.test(path))
      .flatMap((path) =>
        readFileSync(join(source, path), 'utf8')
          .split('\n')
          .filter((line) => !/^\s*(?:\*|\/\/|\/\*)/.test(line))
          .filter((line) =>
            /\b(?:ls -l|sha256sum|iconv -f|apt-get|chmod \S|sudo |convert \$\{|file \$\{\w+\}, which)|\bexport [A-Z_]+=/.test(
              line,
            ),
          )
          .map((line) => `${path}: ${line.trim()}`),
      );
    expect(found).toEqual([]);
  });
});
