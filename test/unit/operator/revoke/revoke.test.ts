import { beforeEach, describe, expect, it } from 'vitest';
import { BrokerError } from '../../../../src/lib/core/errors.ts';
import { otherApplications, stillUsable } from '../../../../src/operator/revoke/state.ts';
import { unblockCallers } from '../../../../src/operator/revoke/steps.ts';
import { Secret } from '../../../../src/lib/core/secrets.ts';
import { aadstsFailure, failureReply } from '../../../fakes/fake-redeemer.ts';
import { refreshTokenOf } from '../../../fakes/memory-credential-store.ts';
import { problem } from '../../../fakes/scripted-fetch.ts';
import { accountId, clientId, partner, RevokeBench } from './revoke-bench.ts';

let bench: RevokeBench;
beforeEach(async () => {
  bench = await RevokeBench.create();
});

const anyEnabled = async (): Promise<boolean> => {
  const { client, refreshToken } = await bench.inventory.read('default');
  return [...client, ...refreshToken].some(({ enabled }) => enabled);
};

describe('revoke', () => {
  it('does every step, identifies the account by object id and proves each part', async () => {
    const { results, proof, proven } = await bench.revoke({ callersApplicationId: 'callers-app' });
    expect(results.map(({ done }) => done)).toEqual(Array.from({ length: 9 }, () => true));
    expect(bench.reported).toHaveLength(9);
    const application = `applications(appId='${clientId}')`;
    expect(bench.requested()).toEqual([
      'DELETE /v1.0/applications/object-id/owners/principal-id/$ref',
      `POST /v1.0/users/${accountId}/revokeSignInSessions`,
      `POST /v1.0/${application}/removePassword`,
      `POST /v1.0/${application}/removePassword`,
      `PATCH /v1.0/${application}`,
      'DELETE /v1.0/applications/object-id/federatedIdentityCredentials/trust-1',
      "PATCH /v1.0/servicePrincipals(appId='callers-app')",
    ]);
    expect([bench.owners, await anyEnabled(), proven]).toEqual([['somebody'], false, true]);
    expect(proof.map(({ item, proven: isProven, aadsts }) => [item, isProven, aadsts])).toEqual([
      [`Keys of the application ${clientId}`, true, undefined],
      ['Refresh tokens of broker@partner.example', true, undefined],
      ['Versions in Key Vault', true, undefined],
      ['Client secret of version v1', true, 7000215],
      ['Refresh token of version v2', true, 50173],
      ['Refresh token of version v1', true, 50173],
    ]);
  });

  it('names the other owners of the application and of its service principal, who can add keys', async () => {
    bench.graph = ({ url, method }) => {
      if (method !== 'GET' || !url.pathname.endsWith('/owners')) return undefined;
      return url.pathname.includes('/servicePrincipals/')
        ? { value: [{ id: 'principal-id' }, { id: 'scripts-id', displayName: 'scripts' }] }
        : { value: [{ id: 'admin-id', displayName: 'Admin', userPrincipalName: 'admin@partner.example' }] };
    };
    const { proof, proven } = await bench.revoke();
    expect(proven).toBe(true);
    expect(proof[0]?.detail).toContain('Its other owners can add one: admin@partner.example, scripts.');
    bench.graph = ({ url, method }) =>
      method === 'GET' && url.pathname.endsWith('/owners') ? { value: [] } : undefined;
    expect((await bench.revoke()).proof[0]?.detail).not.toContain('owners');
  });

  it('is repeatable, and proves again what can still be read', async () => {
    await bench.revoke();
    const { results, proof, proven } = await bench.revoke();
    expect([results.length, proven]).toEqual([1, true]);
    expect(proof.map(({ item }) => item)).toEqual([
      `Keys of the application ${clientId}`,
      'Refresh tokens of broker@partner.example',
      'Versions in Key Vault',
    ]);
  });

  it('removes a secret and a refresh token that a renewal and a consent add while it runs', async () => {
    let isRenewed = false;
    bench.graph = ({ url }) => {
      if (isRenewed || !url.pathname.endsWith('/removePassword')) return undefined;
      isRenewed = true;
      bench.secrets.push({ keyId: 'secret-3', value: 'client-secret-3' });
      const credential = { kind: 'secret', secret: new Secret('client-secret-3') } as const;
      void bench.store.saveClientCredential('default', { clientId, tenantId: partner, credential, keyId: 'secret-3' });
      void bench.store.saveRefreshToken('default', refreshTokenOf('third', bench.clock.nowMs()));
      return undefined;
    };
    const { proof, proven } = await bench.revoke();
    expect([proven, bench.secrets, await anyEnabled()]).toEqual([true, [], false]);
    expect(bench.requested().filter((request) => request.endsWith('/revokeSignInSessions'))).toHaveLength(2);
    expect(proof).toContainEqual(expect.objectContaining({ item: 'Client secret secret-3', aadsts: 7000215 }));
    expect(proof).toContainEqual(expect.objectContaining({ item: 'Refresh token of version v3', proven: true }));
  });

  describe('while the proof waits for the servers of Entra', () => {
    const nthKey = (nth: number): string => `late-${nth}`;
    let added: number;
    /** Adds something each time that Entra still accepts the secret after it was removed, up to `times`. */
    const whileItWaits = (times: number, add: (nth: number) => Promise<unknown>): void => {
      const { script } = bench.redeemer;
      added = 0;
      bench.redeemer.script = (redemption, nth) => {
        const isRemoved = bench.secrets.every(({ value }) => value !== 'client-secret-1');
        if (redemption.grant.kind === 'delegated' || !isRemoved || added >= times) return script(redemption, nth);
        added += 1;
        void add(added);
        return bench.redeemer.token('late');
      };
    };

    it.each([1, 2])('removes what a renewal and a consent add, %d time(s)', async (times) => {
      whileItWaits(times, async (nth) => {
        const keyId = nthKey(nth);
        const credential = { kind: 'secret', secret: new Secret(keyId) } as const;
        bench.secrets.push({ keyId, value: keyId });
        bench.owners.push('principal-id');
        await bench.store.saveClientCredential('default', { clientId, tenantId: partner, credential, keyId });
        await bench.store.saveRefreshToken('default', refreshTokenOf(keyId, bench.clock.nowMs()));
      });
      const { proof, proven } = await bench.revoke();
      expect([added, proven, bench.secrets, await anyEnabled()]).toEqual([times, true, [], false]);
      expect(bench.owners).toEqual(['somebody']);
      expect(proof).toContainEqual(expect.objectContaining({ item: 'Client secret late-1', aadsts: 7000215 }));
      expect(new Set(proof.map(({ item }) => item)).size).toBe(proof.length);
    });

    it('removes a key that the vault does not hold', async () => {
      whileItWaits(1, async () => bench.secrets.push({ keyId: 'stolen' }));
      expect(await bench.revoke()).toMatchObject({ proven: true });
      expect(bench.secrets).toEqual([]);
    });

    it('is not proven when something is added each time, or the state cannot be read again', async () => {
      const { inventory } = bench;
      let isAway = false;
      bench.inventory = {
        ...inventory,
        read: (name) => (isAway ? Promise.reject(failure) : inventory.read(name)),
      };
      const failure = new BrokerError('key_vault_unavailable', 'It is away.');
      whileItWaits(1, async () => {
        isAway = true;
      });
      const { proof, proven } = await bench.revoke();
      expect([proven, bench.revokedAtMs]).toEqual([false, undefined]);
      expect(proof.at(-1)).toMatchObject({ proven: false, detail: 'It is away.', inconclusive: true });

      bench = await RevokeBench.create();
      const { script } = bench.redeemer;
      bench.redeemer.script = (redemption, nth) => {
        const isProving = bench.secrets.length === 0 && redemption.grant.kind === 'application';
        if (isProving) bench.secrets.push({ keyId: `again-${nth}` });
        return script(redemption, nth);
      };
      const endless = await bench.revoke();
      expect([endless.proven, bench.revokedAtMs]).toEqual([false, undefined]);
      expect(endless.proof.at(-1)).toMatchObject({
        item: 'Changes during the proof',
        proven: false,
        detail: expect.stringContaining('during each of 3 proofs') as string,
      });
    });
  });

  it.each(['passwordCredentials', 'keyCredentials'])('is not proven by a reply without %s', async (field) => {
    bench.graph = ({ method, url }) => {
      if (method !== 'GET' || !url.pathname.includes('/applications(appId=')) return undefined;
      const whole = { id: 'object-id', passwordCredentials: [], keyCredentials: [] };
      return Object.fromEntries(Object.entries(whole).filter(([name]) => name !== field));
    };
    const { proof, proven } = await bench.revoke();
    expect(proven).toBe(false);
    expect(proof[0]).toMatchObject({ proven: false, detail: expect.stringContaining(field) as string });
  });

  it('says that nothing is registered at all', async () => {
    const { proof } = await bench.revoke();
    expect(proof[0]?.detail).toMatch(/^Entra has no client secret, certificate or federated credential\./);
  });

  it('fails when a key comes back for ever', async () => {
    let added = 10;
    bench.graph = ({ url }) => {
      if (url.pathname.endsWith('/removePassword')) bench.secrets.push({ keyId: `secret-${(added += 1)}` });
      return undefined;
    };
    const { proof, proven } = await bench.revoke();
    expect(proven).toBe(false);
    expect(proof[0]).toMatchObject({ proven: false, detail: expect.stringMatching(/client secret secret-/) as string });
  });

  it('fails for a secret that is left after Graph answered 400, and not for one that somebody else removed', async () => {
    bench.graph = ({ url }) => (url.pathname.endsWith('/removePassword') ? problem(400, 'BadRequest') : undefined);
    const { results, proven } = await bench.revoke();
    expect(results.filter(({ done }) => !done)).toMatchObject([
      { step: `Remove the client secret secret-1 from the application ${clientId}` },
      { step: `Remove the client secret secret-2 from the application ${clientId}` },
    ]);
    expect([proven, bench.reported.some((line) => line.startsWith('done Remove the client secret'))]).toEqual([
      false,
      false,
    ]);
    bench.graph = ({ url }) => {
      if (url.pathname.endsWith('/removePassword')) bench.secrets = [];
      return undefined;
    };
    expect(await bench.revoke()).toMatchObject({ proven: true });
  });

  it('fails when Graph does not know the application, unless Entra does not know it either', async () => {
    bench.graph = ({ url }) => (url.pathname.includes('appId') ? problem(404, 'Request_ResourceNotFound') : undefined);
    const { results, proof } = await bench.revoke();
    expect(results.filter(({ done }) => !done)).toMatchObject([
      { detail: expect.stringContaining(`does not know the application ${clientId} (404)`) as string },
    ]);
    expect(proof).toMatchObject([
      { item: `Keys of the application ${clientId}`, proven: false },
      {},
      {},
      { item: 'Client secret of version v1', proven: false, detail: 'Entra still issues a token for it.' },
      {},
      {},
    ]);
    bench.redeemer.script = () => aadstsFailure(700016);
    const gone = await bench.revoke({ clientId });
    expect(gone.proof[0]).toMatchObject({ proven: true, aadsts: 700016 });
    expect(gone.proven).toBe(true);
  });

  it('does the other steps when one is refused, and says what the operator needs', async () => {
    bench.graph = ({ url }) => (url.pathname.endsWith('/revokeSignInSessions') ? problem(403, 'Denied') : undefined);
    const { results, proof, proven } = await bench.revoke();
    expect(results.filter(({ done }) => !done)).toMatchObject([
      { code: 'access_denied', detail: expect.stringMatching(/Sign in as a User Administrator/) as string },
    ]);
    expect([proven, bench.secrets, await anyEnabled()]).toEqual([false, [], false]);
    expect(proof[1]).toMatchObject({ item: 'Refresh tokens of broker@partner.example', proven: false });
    expect(bench.requested().filter((request) => request.endsWith('/revokeSignInSessions'))).toHaveLength(1);
    bench.graph = () => undefined;
    // Without options, although every version is disabled.
    expect(await bench.revoke()).toMatchObject({ proven: true });
  });

  it('is not proven by an Entra that does not answer', async () => {
    bench.redeemer.script = () => failureReply();
    const { results, proof, proven } = await bench.revoke();
    expect([results.every(({ done }) => done), proven]).toEqual([true, false]);
    expect(proof.filter((each) => !each.proven)).toMatchObject([
      { inconclusive: true },
      { inconclusive: true },
      { inconclusive: true },
    ]);
  });

  it('is not proven by a refusal that depends on the place', async () => {
    bench.redeemer.script = () => aadstsFailure(53003);
    const { proof, proven } = await bench.revoke();
    expect(proven).toBe(false);
    expect(proof.at(-1)).toMatchObject({ proven: false, aadsts: 53003, inconclusive: true });
  });

  it('waits until every server of Entra refuses the secret', async () => {
    const { script } = bench.redeemer;
    let left = 3;
    bench.redeemer.script = (redemption, nth) => {
      if (redemption.grant.kind === 'delegated' || left === 0) return script(redemption, nth);
      left -= 1;
      return bench.redeemer.token('late');
    };
    expect(await bench.revoke()).toMatchObject({ proven: true });
    expect(left).toBe(0);
  });

  it.each(['application', 'delegated'] as const)(
    'does not take one refusal as proof while other servers of Entra still issue tokens (%s)',
    async (kind) => {
      const { script } = bench.redeemer;
      // One server of two learns it later than the other.
      let nth = 0;
      bench.redeemer.script = (redemption, count) => {
        const reply = script(redemption, count);
        if (redemption.grant.kind !== kind || reply === undefined) return reply;
        nth += 1;
        return nth % 2 === 0 && nth < 8 ? bench.redeemer.token('late') : reply;
      };
      expect(await bench.revoke()).toMatchObject({ proven: true });
      expect(nth).toBeGreaterThanOrEqual(8);
    },
  );

  it('says that the clock of this machine is wrong, and not that Entra did not answer', async () => {
    bench.redeemer.script = () => aadstsFailure(700024);
    const { proof, proven } = await bench.revoke();
    expect(proven).toBe(false);
    expect(proof.at(-1)).toMatchObject({
      proven: false,
      aadsts: 700024,
      detail: expect.stringMatching(/clock/) as string,
    });
    expect(proof.at(-1)?.inconclusive).toBeUndefined();
  });

  it('records in the vault when everything was proven, and not before', async () => {
    bench.graph = ({ url }) => (url.pathname.endsWith('/removePassword') ? problem(403, 'Denied') : undefined);
    await bench.revoke();
    expect(bench.revokedAtMs).toBeUndefined();
    bench.graph = () => undefined;
    bench.recordFailure = new BrokerError('key_vault_unavailable', 'It is away.');
    const { proof, proven } = await bench.revoke();
    expect([proven, proof.at(-1)]).toMatchObject([
      false,
      { item: 'Record of the revocation in Key Vault', proven: false, inconclusive: true },
    ]);
    bench.recordFailure = undefined;
    expect(await bench.revoke()).toMatchObject({ proven: true });
    expect(bench.revokedAtMs).toBeDefined();
  });

  it('does not take a failed step as done because its part could not be read again', async () => {
    let isAway = false;
    bench.graph = ({ method, url }) => {
      if (url.pathname.endsWith('/removePassword')) {
        isAway = true;
        return problem(403, 'Denied');
      }
      return isAway && method === 'GET' && url.pathname.includes(clientId) ? problem(403, 'Denied') : undefined;
    };
    const { results, proven } = await bench.revoke();
    expect(proven).toBe(false);
    expect(results).toContainEqual(
      expect.objectContaining({
        step: `Remove the client secret secret-1 from the application ${clientId}`,
        done: false,
      }),
    );
  });

  it('reports a failed step as done when the next round shows that it was', async () => {
    let isRefused = true;
    bench.graph = ({ url }) => {
      if (!url.pathname.endsWith('/removePassword') || !isRefused) return undefined;
      isRefused = false;
      bench.secrets = bench.secrets.filter(({ keyId }) => keyId !== 'secret-1');
      return problem(500, 'Stumbled');
    };
    expect(await bench.revoke()).toMatchObject({ proven: true });
    const step = `Remove the client secret secret-1 from the application ${clientId}`;
    expect(bench.reported.filter((line) => line.endsWith(step))).toEqual([`FAILED ${step}`, `done ${step}`]);
  });

  it('stops at an interruption and reports the current step as failed', async () => {
    const interruption = new AbortController();
    bench.graph = ({ url }) => {
      if (!url.pathname.endsWith('/revokeSignInSessions')) return undefined;
      interruption.abort();
      throw interruption.signal.reason;
    };
    const { results, proof, proven } = await bench.revoke({}, { signal: interruption.signal });
    expect(results.at(-1)).toMatchObject({ done: false, detail: 'Interrupted. Run the command again.' });
    expect([results.length, proof, proven, await anyEnabled()]).toEqual([2, [], false, true]);
  });

  it('disables the oldest version first, so that the newest is left after an interruption', async () => {
    const disabled: string[] = [];
    const disable = bench.store.disableRefreshTokenVersion.bind(bench.store);
    bench.store.disableRefreshTokenVersion = async (application, version) => {
      disabled.push(version);
      await disable(application, version);
    };
    await bench.revoke();
    expect(disabled).toEqual(['v1', 'v2']);
  });
});

it('stillUsable lists what remains usable, and until when', () => {
  const said = stillUsable(Date.UTC(2026, 10, 24), 601);
  expect(said[0]).toContain('2026-11-24T01:30:00.000Z');
  expect(said[1]).toContain('11 minutes');
});

it('otherApplications names the other applications in the vault, each with its command', async () => {
  const { client } = await bench.store.load('default');
  await bench.store.saveClientCredential('reader', { ...client, clientId: 'readers-id' });
  expect(await otherApplications(bench, 'default')).toEqual([
    'The application reader keeps its client credential and its versions in Key Vault. To revoke them: ptb revoke --application reader',
  ]);
});

it('otherApplications says that the drill removes the keys of an application that is stored under two names', async () => {
  await bench.store.saveClientCredential('reader', (await bench.store.load('default')).client);
  expect(await otherApplications(bench, 'default')).toEqual([
    'The application reader has the same client id, so its client credential does not work any more either. Its versions stay enabled in Key Vault. To revoke them: ptb revoke --application reader',
  ]);
});

it('otherApplications says that the vault could not be read', async () => {
  bench.store.listApplications = () => Promise.reject(new BrokerError('key_vault_unavailable', 'It is away.'));
  expect(await otherApplications(bench, 'default')).toEqual([
    'The other applications in the vault could not be listed: It is away.',
  ]);
});

it('unblockCallers enables the service principal', async () => {
  await unblockCallers(bench.deps().writer, 'callers-app');
  expect(bench.seen.map(({ method, body }) => [method, body])).toEqual([['PATCH', '{"accountEnabled":true}']]);
});
