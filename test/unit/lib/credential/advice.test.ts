import { expect, it } from 'vitest';
import { adviceFor } from '../../../../src/lib/credential/advice.ts';

it.each([
  [
    'Run `ptb setup` and then `ptb consent`.',
    'Run `ptb setup --application reader` and then `ptb consent --application reader`.',
  ],
  [
    'Run `ptb rotate --client-credential`; where that is refused too `ptb setup`.',
    'Run `ptb rotate --client-credential --application reader`; where that is refused too `ptb setup --application reader`.',
  ],
  [
    'Run `ptb tenants consent --tenant <id>`; `ptb tenants` shows the reason.',
    'Run `ptb tenants consent --tenant <id> --application reader`; `ptb tenants` shows the reason.',
  ],
  ['`ptb policy test` explains the decision.', '`ptb policy test` explains the decision.'],
])('advice names the application where it is not the default one: %s', (advice, named) => {
  expect(adviceFor('reader', advice)).toBe(named);
  expect(adviceFor('default', advice)).toBe(advice);
});
