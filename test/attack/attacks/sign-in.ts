import { ask } from '../ask.ts';
import { type Attack, control, type Tally } from '../attack.ts';
import { listenOnLoopback } from '../../../src/operator/setup/sign-in.ts';

const state = 'the-state-of-this-sign-in';

/** Requests that a page in the operator's browser, or another process, may send to the port. */
const foreign: readonly (readonly [string, Parameters<typeof ask>[1]])[] = [
  ['no state', { path: '/?code=evil' }],
  ['another state', { path: '/?code=evil&state=other' }],
  ['an empty state', { path: '/?code=evil&state=' }],
  ['the state in another case', { path: `/?code=evil&state=${state.toUpperCase()}` }],
  ['the beginning of the state', { path: `/?code=evil&state=${state.slice(0, -1)}` }],
  ['the state and more', { path: `/?code=evil&state=${state}x` }],
  ['another state first', { path: `/?code=evil&state=other&state=${state}` }],
  ['the state in the fragment', { path: `/?code=evil%23state=${state}` }],
  ['the state without a code', { path: `/?state=${state}` }],
  ['POST', { method: 'POST', path: `/?code=evil&state=${state}`, body: '' }],
  ['a form', { method: 'POST', path: '/', body: `code=evil&state=${state}` }],
  ['HEAD', { method: 'HEAD', path: `/?code=evil&state=${state}` }],
  ['OPTIONS from another origin', { method: 'OPTIONS', path: '/', headers: { origin: 'https://evil.example' } }],
  ['another origin', { path: '/?code=evil&state=other', headers: { origin: 'https://evil.example' } }],
  ['another host', { path: `/?code=evil&state=${state}`, headers: { host: 'evil.example' } }],
  ['another path', { path: `/other?code=evil&state=${state}` }],
  ['a path that is no path', { path: `//?code=evil&state=${state}` }],
  ['an error without the state', { path: '/?error=access_denied' }],
  ['a header of 10 KB', { path: '/?code=evil', headers: { 'x-a': 'a'.repeat(10_000) } }],
];

async function tryForeign(tally: Tally): Promise<void> {
  const listener = await listenOnLoopback();
  const url = listener.redirectUri.replace('localhost', '127.0.0.1');
  const before = await ask(url, { path: `/?code=evil&state=${state}` });
  tally.attempt(before.status === 404, `a code before the sign-in has begun: ${before.status}`);
  let arrived: string | null | undefined;
  const waiting = listener.waitFor(state, AbortSignal.timeout(60_000)).then((parameters) => {
    arrived = parameters.get('code') ?? parameters.get('error');
    return arrived;
  });
  try {
    for (const [name, request] of foreign) {
      const { status, headers, text } = await ask(url, request);
      tally.attempt(arrived === undefined && status >= 400, `${name}: ${status}, ${String(arrived)} arrived`);
      tally.attempt(
        headers['access-control-allow-origin'] === undefined,
        `${name}: another origin may read the answer`,
      );
      tally.attempt(!text.includes('evil') && !text.includes(state), `${name}: the answer quotes the request`);
      if (arrived !== undefined) return;
    }
    const own = await ask(url, { path: `/?code=own&state=${state}` });
    control(own.status === 200 && (await waiting) === 'own', `the genuine answer is refused: ${own.status}`);
    const second = await ask(url, { path: `/?code=evil&state=${state}` });
    tally.attempt(
      (await waiting) === 'own' && second.status === 404,
      `a second answer: ${second.status}, ${await waiting}`,
    );
  } finally {
    await listener.close();
  }
}

export const signIn: Attack = {
  name: 'sign-in',
  tries: 'answers to the sign-in of an operator with a wrong state, path, method, origin or host, and a second answer',
  promise: 'Text from outside stays text.',
  run: async (_stage, { full }, tally) => {
    for (let times = full ? 20 : 1; times > 0; times -= 1) await tryForeign(tally);
  },
};
