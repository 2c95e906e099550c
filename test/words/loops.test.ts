/** The loops and branches of other frameworks, which take functions, lead to statements. */
import { expect, test } from 'vitest';
import { answerFor } from '../../src/words/dictionary.ts';
import { isNamespace } from '../../src/words/late.ts';

test.each(['cond', 'while_loop', 'scan', 'associative_scan', 'fori_loop'])('%s leads to `loop` and `if`', (name) => {
  const answer = answerFor(name);
  const instead = answer?.kind === 'reason' ? answer.reason.instead : '';
  expect(instead).toContain('`loop n with a = x while condition { … }`');
  expect(instead).toContain('`if condition { … } else { … }`');
});

test('names of JAX are known with their rooms in front', () => {
  expect(isNamespace(['jax', 'lax'])).toBe(true);
});
