import { type Attack, control } from '../attack.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';

export const unrecorded: Attack = {
  name: 'unrecorded',
  tries: 'tokens while the table of the audit log hangs, loses its replies or is gone',
  promise: 'No token without a record',
  run: async (stage, { full }, tally) => {
    const [, port = ''] = /TableEndpoint=http:\/\/127\.0\.0\.1:(\d+)\//.exec(stage.connectionString) ?? [];
    const wire = await startTcpProxy(Number(port));
    const storage = stage.connectionString.replace(`:${port}/`, `:${wire.port}/`);
    const host = await stage.startHost({ settings: { AzureWebJobsStorage: storage } });
    const tenantId = stage.tenants[0]?.tenantId ?? '';
    const ask = (resource: string) =>
      host.ask({
        method: 'POST',
        path: '/api/tokens',
        body: { tenant: tenantId, resource },
        headers: { authorization: stage.forge.bearer() },
      });
    // A token in the cache is as good as a new one.
    const before = await ask('graph');
    control(before.status === 200, `no token before the attack: ${before.status} ${before.text}`);
    const disturbances: readonly (readonly [string, () => void])[] = [
      ['loses its replies', () => wire.loseReplies(true)],
      ['hangs', () => wire.hang(true)],
    ];
    for (const [name, start] of full ? disturbances : disturbances.slice(0, 1)) {
      start();
      const answers = await Promise.all(['graph', 'graph', 'exchange'].map(ask));
      for (const { status, code } of answers) tally.attempt(status === 503, `the table ${name}: ${status} ${code}`);
      wire.loseReplies(false);
      wire.hang(false);
      wire.breakAll();
    }
    await wire.cut();
    const { status, code } = await ask('graph');
    tally.attempt(status === 503, `the table is gone: ${status} ${code}`);
    await host.stop();
  },
};
