import { beforeEach, describe, expect, it } from 'vitest';
import { Secret, type StoredClientCredential } from '../../../../src/lib/core/secrets.ts';
import { createGraphWriter } from '../../../../src/lib/microsoft/graph.ts';
import type { TenantId } from '../../../../src/lib/core/identifiers.ts';
import { Limiter } from '../../../../src/lib/core/limiter.ts';
import { withTemporarySecret } from '../../../../src/operator/setup/consent.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { aadstsFailure, FakeRedeemer } from '../../../fakes/fake-redeemer.ts';
import { problem, type Scripted, scriptedFetch, type SeenRequest } from '../../../fakes/scripted-fetch.ts';

const client: StoredClientCredential = {
  clientId: '11111111-1111-4111-8111-111111111111',
  tenantId: '99999999-9999-4999-8999-999999999999' as TenantId,
  credential: { kind: 'federated' },
  version: 'v1',
};

let clock: FakeClock;
let redeemer: FakeRedeemer;
let interruption: AbortController;
let warned: string[];
let seen: SeenRequest[];
let removal: () => Scripted;
beforeEach(() => {
  clock = new FakeClock();
  redeemer = new FakeRedeemer(clock);
  interruption = new AbortController();
  warned = [];
  removal = () => new Response(null, { status: 204 });
});

function withSecret<T>(work: () => Promise<T>): Promise<T> {
  const scripted = scriptedFetch(({ url }) =>
    url.pathname.endsWith('/addPassword') ? { secretText: 'temporary-secret', keyId: 'key-1' } : removal(),
  );
  seen = scripted.seen;
  const writer = createGraphWriter(
    { fetch: scripted.fetch, clock, random: () => 0, limiter: new Limiter(1) },
    { baseUrl: 'https://graph.test', token: async () => new Secret('administrator'), correlationId: 'id' },
  );
  const { signal } = interruption;
  const deps = { redeemer, newId: () => 'id', graphIdentifier: 'https://graph.test', clock, writer, signal };
  return withTemporarySecret({ ...deps, warn: (sentence) => void warned.push(sentence) }, client, work);
}
const asked = (): (string | undefined)[] => seen.map(({ url }) => url.pathname.split('/').at(-1));

describe('withTemporarySecret', () => {
  it('adds a secret for an hour and removes it after the work', async () => {
    expect(await withSecret(async () => 'done')).toBe('done');
    expect(asked()).toEqual(['addPassword', 'removePassword']);
    const { endDateTime } = (JSON.parse(seen[0]?.body ?? '') as { passwordCredential: { endDateTime: string } })
      .passwordCredential;
    expect(Date.parse(endDateTime) - clock.nowMs()).toBe(3_600_000);
    expect(seen[1]?.body).toBe('{"keyId":"key-1"}');
  });

  it('removes the secret after an interruption of the work', async () => {
    const work = withSecret(async () => {
      interruption.abort(new Error('Ctrl+C'));
      throw interruption.signal.reason;
    });
    await expect(work).rejects.toThrow('Ctrl+C');
    expect(asked()).toEqual(['addPassword', 'removePassword']);
    expect(warned).toEqual([]);
  });

  it('stops waiting for Entra at an interruption and removes the secret', async () => {
    redeemer.script = () => aadstsFailure(7000215);
    const work = withSecret(() => Promise.reject(new Error('not reached')));
    work.catch(() => undefined);
    await clock.advance(1_000);
    interruption.abort(new Error('Ctrl+C'));
    await expect(work).rejects.toThrow('Ctrl+C');
    expect(asked()).toEqual(['addPassword', 'removePassword']);
  });

  it('adds no secret after an interruption', async () => {
    interruption.abort(new Error('Ctrl+C'));
    await expect(withSecret(async () => 'done')).rejects.toThrow('Ctrl+C');
    expect(asked()).toEqual([]);
  });

  it('warns about a secret that cannot be removed, and returns the result of the work', async () => {
    removal = () => problem(503, 'Unavailable');
    expect(await withSecret(async () => 'stored')).toBe('stored');
    expect(warned).toEqual([expect.stringMatching(/key-1 could not be removed.*expires at 2026-11-24T01:00/)]);
    await expect(withSecret(() => Promise.reject(new Error('the work failed')))).rejects.toThrow('the work failed');
    expect(JSON.stringify(warned)).not.toContain('temporary-secret');
  });
});
