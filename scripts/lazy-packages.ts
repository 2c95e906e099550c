/**
 * Packages whose first line takes milliseconds, and that most runs do not ask for: tables of what letters are wide.
 * `scripts/build.ts` puts a function before each that begins it when it is first called; string-width, for more than plain
 * letters.
 */
import type { Plugin } from 'esbuild';

/** A call of the default export by which nothing has to be looked up. */
const plain: Readonly<Record<string, string>> = {
  'string-width': 'if (/^[ -~]*$/.test(args[0])) return args[0].length;',
  'wrap-ansi': '',
};

export const lazyPackages: Plugin = {
  name: 'lazy-packages',
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: new RegExp(`^(?:${Object.keys(plain).join('|')})$`) }, ({ path, pluginData, resolveDir }) =>
      // From within the package itself, and of one package from the other, too.
      pluginData === 'itself' ? undefined : { path, namespace: 'lazy', pluginData: resolveDir },
    );
    onLoad({ filter: /./, namespace: 'lazy' }, async ({ path, pluginData }) => {
      const itself = await resolve(path, { resolveDir: pluginData, kind: 'require-call', pluginData: 'itself' });
      const contents = `let made;
        export default (...args) => {
          ${plain[path]}
          made ??= require(${JSON.stringify(itself.path)}).default;
          return made(...args);
        };`;
      return { contents, resolveDir: pluginData };
    });
  },
};
