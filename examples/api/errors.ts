/** Mistakes as data: for another program as JSON, and caught where a function has no diagnostics to return. */
import { check, DiagnosticError, openCheckpoint, toJson } from 'rescc';

const { diagnostics } = check('model Net { input x: f32[N, 4]  linaer(8)  output y }', { fileName: 'net.res' });
for (const { code, line, column, found, hint } of toJson(diagnostics)) console.log({ code, line, column, found, hint });

try {
  await openCheckpoint(new TextEncoder().encode('<html>Please log in</html>'));
} catch (error) {
  if (!(error instanceof DiagnosticError)) throw error;
  console.log(error.message);
}
