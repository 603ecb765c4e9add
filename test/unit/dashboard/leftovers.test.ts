import { expect, it } from 'vitest';
import { Span } from '../../support/leftovers.ts';

it.each<[name: string, target: () => EventTarget]>([
  ['the window', () => globalThis],
  ['the document', () => document],
  ['a media query', () => matchMedia('(max-width: 720px)')],
])('a listener of %s is found until it is removed, or was called once', async (_name, target) => {
  const span = new Span();
  const listening = target();
  const listener = () => {};

  listening.addEventListener('change', listener);
  expect(await span.left(0)).toEqual([expect.stringMatching(/^listener of the page for change, added /)]);
  listening.removeEventListener('change', listener);
  expect(await span.left(0)).toEqual([]);

  listening.addEventListener('change', listener, { once: true });
  expect(await span.left(0)).toHaveLength(1);
  listening.dispatchEvent(new Event('change'));
  expect(await span.left(0)).toEqual([]);
});
