import { Agent } from 'node:http';
import { type Attack, control } from '../attack.ts';

/** The host lets headers of 32 KB through; the Functions library took 16 KB of them. */
const sizesKb = [1, 4, 8, 12, 14, 15, 15.5, 16, 16.5, 17, 20, 24, 28, 31, 32, 33, 36, 40];
const longestAnswerMs = 30_000;

export const headers: Attack = {
  name: 'headers',
  tries: 'headers of 1 to 40 KB, in one header and in many, with and without a token',
  promise: 'One caller does not stop another.',
  run: async ({ app, forge }, { full }, tally) => {
    // A server may end the connection after its answer, so each request has its own.
    const agent = new Agent({ keepAlive: false });
    const shapes: readonly (readonly [string, (bytes: number) => Record<string, string>])[] = [
      ['one header', (bytes) => ({ 'x-padding': 'a'.repeat(bytes) })],
      [
        'many headers',
        (bytes) =>
          Object.fromEntries(Array.from({ length: Math.ceil(bytes / 100) }, (_, n) => [`x-p-${n}`, 'a'.repeat(90)])),
      ],
      ['cookie', (bytes) => ({ cookie: `a=${'b'.repeat(bytes)}` })],
      ['authorization', (bytes) => ({ authorization: `Bearer ${'a'.repeat(bytes)}` })],
    ];
    const sizes = full ? sizesKb : [4, 15, 17, 24, 33, 40];
    const tries = sizes.flatMap((kb) =>
      (full ? shapes : shapes.slice(0, 2)).map(([shape, padding]) => ({ kb, shape, padding })),
    );
    let answered = 0;
    // All at once, because a host that does not answer takes the whole time.
    const attempt = async ({ kb, shape, padding }: (typeof tries)[number], path: string): Promise<void> => {
      const more = full && path === '/api/tenants' ? { authorization: forge.bearer() } : {};
      const request = { path, agent, headers: { ...more, ...padding(kb * 1024) }, timeoutMs: longestAnswerMs };
      const { status, text } = await app.ask(request);
      // The host may end the connection with its 431, before the request is complete.
      const closed = status === 0 && kb > 15 && /ECONNRESET|EPIPE|hang up/.test(text);
      tally.attempt(
        (status > 0 && status < 500) || closed,
        `${path} with ${kb} KB in ${shape}: ${status} ${text.slice(0, 100)}`,
      );
      if (status === 200) answered += 1;
    };
    for (const path of ['/api/health', '/api/tenants', '/api/docs'])
      await Promise.all(tries.map((one) => attempt(one, path)));
    control(answered > 0, 'no request with padding is answered with 200');
    const after = await app.ask({ path: '/api/health' });
    tally.attempt(after.status === 200, `health afterwards: ${after.status}`);
  },
};
