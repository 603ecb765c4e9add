import { type Attack, control } from '../attack.ts';
import { type Canary, LeakScan } from '../../support/leak-scan.ts';
import { secretsInTheVault } from '../../support/vault-secrets.ts';

/** Comes last, so that it searches what all attacks before it left behind. */
export const leaks: Attack = {
  name: 'leaks',
  tries:
    'to find a secret of the vault, an issued token or anything like a token in all answers and log lines of the attacks',
  promise: 'No secret in logs, errors, durable history, queues, tables, blobs or results.',
  run: async (stage, _options, tally) => {
    const { app, forge, tenants, left, cloud } = stage;
    const headers = { authorization: forge.bearer() };
    const order = (resource: string) => ({ tenant: tenants[0]?.tenantId, resource });
    const issued = await app.ask({ method: 'POST', path: '/api/tokens', body: order('graph'), headers });
    control(issued.status === 200, `no token is issued: ${issued.status} ${issued.text}`);
    // Errors of Entra that echo the request.
    const secrets = await secretsInTheVault({ cloud: cloud.document });
    const echo = secrets.map(({ value }) => value).join('&');
    const body = JSON.stringify({
      error: 'invalid_grant',
      error_description: `AADSTS50020: ${echo}`,
      error_codes: [50020],
      suberror: echo,
      trace_id: echo,
    });
    const fault = cloud.faults.add({ service: 'entra', path: '/token$', status: 400, body });
    for (const resource of ['arm', 'exchange', 'partner-center'])
      await app.ask({
        method: 'POST',
        path: '/api/tokens',
        body: { ...order(resource), tenant: tenants[9]?.tenantId, grant: 'application' },
        headers,
      });
    cloud.faults.clear(fault);
    const canaries: Canary[] = [
      ...secrets,
      ...[...left.tokens].slice(-200).map((value, index) => ({ name: `token ${index}`, value })),
    ];
    const scan = new LeakScan(canaries);
    for (const [where, texts] of [
      ['the log', left.lines],
      ['an answer', left.answers],
    ] as const) {
      for (let from = 0; from < texts.length; from += 1_000) {
        scan.scan({ where, content: texts.slice(from, from + 1_000).join('\n') });
        tally.attempt(true, where);
      }
    }
    for (const { where, what } of scan.leaks.slice(0, 20)) tally.attempt(false, `${what} in ${where}`);
    tally.note(`${(scan.bytes / 1_048_576).toFixed(1)} MiB searched for ${canaries.length} secrets`);
  },
};
