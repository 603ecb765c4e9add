import { decodeJwt } from 'jose';
import { type Attack, control } from '../attack.ts';

const resources = ['graph', 'exchange', 'arm', 'partner-center', 'aad-graph'];

export const excluded: Attack = {
  name: 'excluded',
  tries:
    'tokens for tenants excluded by id, by domain and by another domain, under every name, for every resource and grant',
  promise: 'An excluded tenant gets no token',
  run: async (stage, _options, tally) => {
    const { forge, cloud } = stage;
    const customers = stage.tenants
      .map(({ tenantId }) => cloud.world.findCustomer(tenantId))
      .filter((one) => one !== undefined);
    const renamed = customers.filter(({ initialDomain, defaultDomain }) => initialDomain !== defaultDomain).slice(0, 3);
    const [byId, byDomain, byAlias] = renamed;
    const free = customers.find((one) => !renamed.includes(one));
    control(
      byId !== undefined && byDomain !== undefined && byAlias !== undefined && free !== undefined,
      'no tenant has two domains',
    );
    const host = await stage.startHost({
      settings: {
        TENANTS_EXCLUDE: `${byId.tenantId.toUpperCase()},${byDomain.defaultDomain},${byAlias.initialDomain}`,
      },
    });
    const ask = (tenant: string, resource: string, grant: string) =>
      host.ask({
        method: 'POST',
        path: '/api/tokens',
        body: { tenant, resource, grant },
        headers: { authorization: forge.bearer() },
      });
    const other = await ask(free.tenantId, 'graph', 'delegated');
    control(other.status === 200, `another tenant gets no token either: ${other.status} ${other.text}`);
    for (const { tenantId, initialDomain, defaultDomain } of renamed) {
      for (const name of [
        tenantId,
        tenantId.toUpperCase(),
        initialDomain,
        defaultDomain,
        defaultDomain.toUpperCase(),
      ]) {
        for (const resource of resources) {
          for (const grant of ['delegated', 'application']) {
            const { status, body, code } = await ask(name, resource, grant);
            const of = status === 200 ? decodeJwt(String(body['accessToken'])).tid : undefined;
            tally.attempt(
              status !== 200 && status !== 500,
              `${name} for ${resource} (${grant}): ${status} ${code ?? ''} ${of ?? ''}`,
            );
          }
        }
      }
    }
    await host.stop();
  },
};
