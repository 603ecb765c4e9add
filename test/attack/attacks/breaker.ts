import { setTimeout as delay } from 'node:timers/promises';
import { TableClient } from '@azure/data-tables';
import { journalTable } from '../../../src/lib/tokens/credential/credential-journal.ts';
import { type Attack, control } from '../attack.ts';
import { attacker, victim } from '../forge.ts';
import { threeBlockedCustomers } from '../../support/simulated-brokers.ts';
import type { Stage } from '../stage.ts';

/** A new installation knows no customer that has had a token. */
async function forgetWitness({ connectionString }: Stage): Promise<void> {
  const table = TableClient.fromConnectionString(connectionString, journalTable, { allowInsecureConnection: true });
  await table.createTable();
  await table.deleteEntity('credential', 'default').catch(() => undefined);
}

const resources = ['graph', 'arm', 'exchange', 'partner-center'];

export const breaker: Attack = {
  name: 'breaker',
  tries: 'AADSTS500212 for three customers on an instance that has issued no token, asked for again and again',
  promise: 'One caller does not stop another.',
  run: async (stage, { full }, tally) => {
    const outcomes = await threeBlockedCustomers(full ? 600 : 120);
    for (const [second, outcome] of outcomes.entries())
      tally.attempt(outcome === 'token', `second ${second} of the simulated time: the victim gets ${outcome}`);
    await forgetWitness(stage);
    const host = await stage.startHost();
    const blocked = stage.tenants.slice(0, 3).map(({ tenantId }) => tenantId);
    for (const tenantId of blocked)
      stage.cloud.faults.add({ service: 'entra', tenantId, path: '/token$', aadsts: 500212 });
    const ask = (application: string, tenant: string, resource: string) =>
      host.ask({
        method: 'POST',
        path: '/api/tokens',
        body: { tenant, resource },
        headers: { authorization: stage.forge.bearer({ application }) },
      });
    const untilMs = Date.now() + (full ? 120_000 : 3_000);
    let asked = 0;
    const attackers = Array.from({ length: 9 }, async (_, nth) => {
      while (Date.now() < untilMs) {
        asked += 1;
        const { status } = await ask(
          attacker,
          blocked[(asked + nth) % 3] ?? '',
          resources[asked % resources.length] ?? '',
        );
        control(status !== 200, 'a blocked customer got a token');
        await delay(5);
      }
    });
    const others = stage.tenants.slice(3);
    let nth = 0;
    while (Date.now() < untilMs) {
      const tenant = others[nth % others.length]?.tenantId ?? '';
      const { status, code } = await ask(
        victim,
        tenant,
        resources[Math.floor(nth / others.length) % resources.length] ?? '',
      );
      tally.attempt(status === 200, `request ${nth} of the victim: ${status} ${code}`);
      nth += 1;
      await delay(full ? 250 : 100);
    }
    await Promise.all(attackers);
    stage.cloud.faults.clear();
    tally.note(`${asked} requests of the attacker, ${nth} of the victim, over HTTP`);
    await host.stop();
  },
};
