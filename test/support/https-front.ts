import type { Fetch } from '../../clients/typescript/src/index.ts';

/**
 * A `fetch` for which the app at `url` is at the https address `front`, as behind the front end of Azure: Microsoft's client for
 * Graph takes links with https apart, and no others. The embedded host speaks http.
 */
export function behindHttps(front: string, url: string, fetch: Fetch = globalThis.fetch): Fetch {
  return async (address, init) => {
    // Hosts have no case.
    if (!address.toLowerCase().startsWith(front)) return fetch(address, init);
    const answer = await fetch(`${url}${address.slice(front.length)}`, init);
    const text = await answer.text();
    return new Response(text === '' ? null : text.replaceAll(url, front), answer);
  };
}

/** Loaded before an example that runs in a process of its own. */
const { HTTPS_FRONT: front, APP_URL: url } = process.env;
if (front !== undefined && url !== undefined) {
  const send = behindHttps(front, url, globalThis.fetch);
  globalThis.fetch = async (input, init) =>
    input instanceof Request
      ? send(input.url, { ...init, method: input.method, headers: input.headers })
      : send(String(input), init ?? {});
}
