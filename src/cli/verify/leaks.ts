import type { ProbeAnswer } from './probe.ts';

/**
 * Patterns of secrets that must not be in an answer. Keys created since 2022 carry a signature ("Common annotated
 * security keys": AzFu for Functions, ASt for storage). Older keys are recognized by their context. Each pattern takes
 * linear time, hence the lookbehinds.
 */
const shapes: readonly [what: string, shape: RegExp][] = [
  ['a Functions key', /(?<=[A-Za-z0-9_-]{40})AzFu[A-Za-z0-9_-]{6}/],
  ['a key in an address', /[?&]code=[A-Za-z0-9_%-]{20,}/],
  ['an address of the durable management API', /\/runtime\/webhooks\/durabletask\/[^"\s]{0,1000}\?/],
  ['a storage key', /AccountKey=|(?<=[A-Za-z0-9+/]{76})ASt[A-Za-z0-9+/]{5}/],
  ['a shared access signature', /[?&]sig=[A-Za-z0-9%+/]{20,}/],
  ['an access token', /(?<=eyJ[A-Za-z0-9_-]{10,})\.[A-Za-z0-9_-]{10,}\./],
  ['a refresh token', /\b[01]\.A[A-Za-z0-9_-]{60,}/],
  ['a client secret', /"?(client_?secret|refresh_?token)"?\s*[:=]\s*"[^"]{8,}"/i],
];

interface Leak {
  readonly what: string;
  readonly method: string;
  readonly path: string;
}

/** Finds leaks and names their kind and place, never the value. Ignores the token in the answer of `POST /api/tokens`. */
export function findLeaks(answers: readonly ProbeAnswer[]): Leak[] {
  return answers.flatMap(({ method, path, headers, body, json }) => {
    const token = json['accessToken'];
    const expected = method === 'POST' && path === '/api/tokens' && typeof token === 'string' ? token : undefined;
    const text = [...headers].map(([name, value]) => `${name}: ${value}`).join('\n') + `\n${body}`;
    const searched = expected === undefined ? text : text.replace(expected, '');
    return shapes.filter(([, shape]) => shape.test(searched)).map(([what]) => ({ what, method, path }));
  });
}
