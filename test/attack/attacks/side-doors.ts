import { type Attack, control } from '../attack.ts';

const paths = [
  '/admin/host/status',
  '/admin/host/keys',
  '/admin/functions',
  '/admin/functions/rotate-credential',
  '/ADMIN/host/status',
  '/%61dmin/host/status',
  '//admin/host/status',
  '/api/../admin/host/status',
  '/api/%2e%2e/admin/host/status',
  '/admin/vfs/',
  '/runtime/webhooks/durabletask/instances',
  '/runtime/webhooks/durabletask/orchestrators/fan-out',
  '/runtime/webhooks/durabletask/entities/x/y',
  '/Runtime/Webhooks/DurableTask/instances',
  '/api/../runtime/webhooks/durabletask/instances',
  '/durabletask/instances',
  '/durabletask/orchestrators/fan-out',
  '/.auth/me',
  '/api/rotate-credential',
  '/api/fan-out',
  '/api/none',
  '/host.json',
  '/local.settings.json',
  '/api/assets/..%2f..%2fhost.json',
  '/api/assets/%2e%2e',
  '/api/assets/dashboard.js%00.html',
];

export const sideDoors: Attack = {
  name: 'side-doors',
  tries:
    "the host's administration and durable webhooks, files and unlisted functions, without a key and with wrong ones",
  promise: 'No key opens the app to callers or deployers.',
  run: async ({ app, forge }, _options, tally) => {
    const keys: readonly Readonly<Record<string, string>>[] = [
      {},
      { 'x-functions-key': '' },
      { 'x-functions-key': 'null' },
      { 'x-functions-key': 'A'.repeat(56) },
      { authorization: forge.bearer() },
      { 'x-functions-key': forge.bearer().slice(7) },
      // As a page would after DNS rebinding.
      { host: 'evil.example' },
      { origin: 'http://evil.example' },
    ];
    for (const path of paths) {
      for (const key of keys) {
        // The durable extension's local endpoint is open to processes of this machine, not to pages.
        if (path.startsWith('/durabletask') && key['host'] === undefined && key['origin'] === undefined) continue;
        for (const method of ['GET', 'POST'] as const) {
          const { status, text } = await app.ask({
            method,
            path,
            headers: key,
            ...(method === 'POST' ? { body: {} } : {}),
          });
          tally.attempt(
            [400, 401, 403, 404, 405].includes(status),
            `${method} ${path} with ${JSON.stringify(key).slice(0, 60)}: ${status} ${text.slice(0, 100)}`,
          );
        }
      }
    }
    const { status } = await app.ask({
      path: '/admin/host/status',
      headers: { 'x-functions-key': app.ready.masterKey },
    });
    control(status === 200, `the master key does not open /admin: ${status}`);
  },
};
