import { expect, it } from 'vitest';
import { reasonSchema } from '../../../../src/lib/core/caller.ts';
import { justificationOf } from '../../../../src/lib/gateway/send/gateway-request.ts';

it.each(['\n', '\r', '\t', '\u0000', '\u001b[2J', '\u0085', '\u2028', '\u202e', '\u2066', '\ud800'])(
  'a reason with %j is refused',
  (command) => {
    expect(reasonSchema.safeParse(`Ticket 4711${command}rule  harmless`).success).toBe(false);
  },
);

it.each([
  '..........',
  '-'.repeat(30),
  '\u200b'.repeat(20),
  `ab${'\u2060'.repeat(20)}`,
  '👩‍💻'.repeat(5),
  '\u3164'.repeat(20),
])('a reason that explains nothing is refused: %j', (text) => {
  expect(reasonSchema.safeParse(text).success).toBe(false);
});

it('a reason is any other text, without blanks at its ends', () => {
  expect(reasonSchema.parse('\n Störung 4711: 👩‍💻 “dringend” \n')).toBe('Störung 4711: 👩‍💻 “dringend”');
});

it('a reason in a header cannot hold a line either', () => {
  expect(() => justificationOf({ 'x-reason': 'Ticket 4711.%0ATenant: Test' })).toThrow(/on one line/);
  expect(justificationOf({ 'x-reason': 'St%C3%B6rung 4711' }).reason).toBe('Störung 4711');
});
