import { beforeEach, describe, expect, it } from 'vitest';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { aadstsFailure } from '../../../fakes/fake-redeemer.ts';
import { problem } from '../../../fakes/scripted-fetch.ts';
import { clientId, partner, RevokeBench } from './revoke-bench.ts';

const elsewhere = '88888888-8888-4888-8888-888888888888' as TenantId;
const here = '77777777-7777-4777-8777-777777777777';

let bench: RevokeBench;
/** The tenants that have the application. */
let homes: ReadonlySet<string>;
beforeEach(async () => {
  bench = await RevokeBench.create();
  // An application without refresh token: there is no account to look for.
  const { inventory } = bench;
  bench.inventory = { ...inventory, read: async (name) => ({ ...(await inventory.read(name)), refreshToken: [] }) };
  bench.tenantId = elsewhere;
  homes = new Set([elsewhere]);
  bench.redeemer.script = ({ tenantId }) => aadstsFailure(homes.has(tenantId) ? 7000215 : 700016);
  bench.graph = ({ url }) =>
    url.pathname.includes(clientId) && !homes.has(partner) ? problem(404, 'Request_ResourceNotFound') : undefined;
});

const refusal = {
  code: 'request_invalid',
  detail: expect.stringMatching(
    new RegExp(`belongs to the tenant ${elsewhere}.*Give --partner-tenant ${elsewhere}`),
  ) as string,
};

describe('revoke in another tenant than that of the application', () => {
  it('refuses before the first change, as do the plan and --verify', async () => {
    await expect(bench.revoke({ account: false })).rejects.toMatchObject(refusal);
    await expect(bench.texts()).rejects.toMatchObject(refusal);
    await expect(bench.verify()).rejects.toMatchObject(refusal);
    expect(bench.requested()).toEqual([]);
    expect((await bench.inventory.read('default')).client).toMatchObject([{ enabled: true }]);
  });

  it.each([700016, 90002])(
    'takes the application as gone if Entra answers AADSTS%i for that tenant too',
    async (aadsts) => {
      bench.redeemer.script = ({ tenantId }) => aadstsFailure(tenantId === elsewhere ? aadsts : 700016);
      // The operator confirms the id, which a single version names.
      const { proof, proven } = await bench.revoke({ clientId, account: false });
      expect(proven).toBe(true);
      expect(proof[0]).toMatchObject({ proven: true, aadsts: 700016 });
    },
  );

  it('refuses when Entra does not answer for that tenant', async () => {
    bench.redeemer.script = ({ tenantId }) => aadstsFailure(tenantId === elsewhere ? 90033 : 700016);
    await expect(bench.revoke({ account: false })).rejects.toMatchObject(refusal);
  });

  it('does not believe the tag if this tenant has the application', async () => {
    homes = new Set([partner]);
    bench.redeemer.script = () => aadstsFailure(7000215);
    expect(await bench.revoke({ account: false })).toMatchObject({ proven: true });
  });

  it('revokes the applications of this tenant, and fails for the other one', async () => {
    const credential = { kind: 'secret', secret: new Secret('x') } as const;
    await bench.store.saveClientCredential('default', { clientId: here, tenantId: partner, credential });
    const { inventory } = bench;
    bench.inventory = {
      ...inventory,
      read: async (name) => {
        const { client, ...others } = await inventory.read(name);
        const tenantOf = (id: string | undefined) => (id === here ? partner : elsewhere);
        return { ...others, client: client.map((each) => ({ ...each, tenantId: tenantOf(each.clientId) })) };
      },
    };
    const { results, proof, proven } = await bench.revoke({ account: false });
    expect(proven).toBe(false);
    expect(results.filter(({ done }) => !done)).toEqual([
      { ...refusal, done: false, step: `Remove the keys from the application ${clientId}` },
    ]);
    expect(bench.secrets).toEqual([]);
    expect(proof).toContainEqual(
      expect.objectContaining({ item: `Keys of the application ${clientId}`, proven: false }),
    );
  });
});
