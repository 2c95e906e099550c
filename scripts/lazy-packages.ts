/**
 * Packages whose first line takes milliseconds, and that most runs do not ask for: tables of what letters are wide.
 * `scripts/build.ts` puts a function before each that begins it when it is first called, which `diagnostics/cells.ts` does for
 * more than plain letters.
 */
import type { Plugin } from 'esbuild';

const lazy: readonly string[] = ['string-width', 'wrap-ansi'];

export const lazyPackages: Plugin = {
  name: 'lazy-packages',
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: new RegExp(`^(?:${lazy.join('|')})$`) }, ({ path, pluginData, resolveDir }) =>
      // From within the package itself, and of one package from the other, too.
      pluginData === 'itself' ? undefined : { path, namespace: 'lazy', pluginData: resolveDir },
    );
    onLoad({ filter: /./, namespace: 'lazy' }, async ({ path, pluginData }) => {
      const itself = await resolve(path, { resolveDir: pluginData, kind: 'require-call', pluginData: 'itself' });
      const contents = `let made;
        export default (...args) => {
          made ??= require(${JSON.stringify(itself.path)}).default;
          return made(...args);
        };`;
      return { contents, resolveDir: pluginData };
    });
  },
};
