import { type Attack, control } from '../attack.ts';

const evil = 'rebound.example';

/** Requests of a page on another name that resolves to this server, and of proxies' headers. */
const disguises: readonly Readonly<Record<string, string>>[] = [
  { host: evil },
  { host: `${evil}:80` },
  { host: `127.0.0.1@${evil}` },
  { host: `${evil}/?` },
  { host: 'localhost', 'x-forwarded-host': evil, 'x-forwarded-proto': 'https' },
  { host: 'localhost', forwarded: `host=${evil};proto=https` },
  { host: 'localhost', 'x-original-url': `http://${evil}/api/tenants`, 'x-rewrite-url': '/api/tenants' },
  { host: 'localhost', 'disguised-host': evil, 'x-waws-unencoded-url': `//${evil}/`, 'x-original-host': evil },
  { host: 'localhost', origin: `http://${evil}` },
  { host: evil, origin: `http://${evil}`, referer: `http://${evil}/` },
  { host: 'localhost', origin: 'null' },
  { host: 'localhost', 'x-http-method-override': 'POST', 'x-method-override': 'POST' },
  { host: 'localhost', 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1', 'client-ip': '127.0.0.1' },
];

export const hosts: Attack = {
  name: 'hosts',
  tries: 'DNS rebinding, foreign Host and Origin headers, preflights and headers of proxies',
  promise: 'Text from outside stays text.',
  run: async ({ app, forge }, _options, tally) => {
    const authorization = forge.bearer();
    for (const disguise of disguises) {
      for (const [method, path, token] of [
        ['GET', '/api/health', false],
        ['GET', '/api/tenants', false],
        ['GET', '/api/tenants', true],
        ['GET', '/api/openapi.json', false],
        ['GET', '/api/dashboard', false],
        ['OPTIONS', '/api/tokens', false],
        ['POST', '/api/jobs/none/runs', true],
      ] as const) {
        const request = {
          method,
          path,
          ...(method === 'POST' ? { body: {} } : {}),
          headers: { ...disguise, ...(token ? { authorization } : {}) },
        };
        const { status, headers, text } = await app.ask(request);
        const name = `${method} ${path} ${JSON.stringify(disguise)}`;
        tally.attempt(
          !JSON.stringify(headers).includes(evil) && !text.includes(evil),
          `${name}: the answer names ${evil}`,
        );
        tally.attempt(
          headers['access-control-allow-origin'] === undefined,
          `${name}: another origin may read the answer`,
        );
        tally.attempt(
          token || path !== '/api/tenants' || [204, 400, 401].includes(status),
          `${name} without a token: ${status}`,
        );
        tally.attempt(status < 500 && status > 0, `${name}: ${status}`);
      }
    }
    const absolute = await app.ask({ path: `http://${evil}/api/health`, headers: { host: evil } });
    tally.attempt(absolute.status < 500 && !absolute.text.includes(evil), `an absolute target: ${absolute.status}`);
    control(
      (await app.ask({ path: '/api/health', headers: { host: 'localhost' } })).status === 200,
      'health does not answer',
    );
  },
};
