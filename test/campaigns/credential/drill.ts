import type { GraphClient, GraphWriter } from '../../../src/lib/microsoft/graph.ts';
import type { JsonObject } from '../../../src/lib/core/objects.ts';
import { BrokerError, toBrokerError } from '../../../src/lib/core/errors.ts';
import { isoTime } from '../../../src/lib/core/clock.ts';
import { revoke } from '../../../src/operator/revoke/revoke.ts';
import { verifyRevocation } from '../../../src/operator/revoke/verify.ts';
import type { RevokeDeps } from '../../../src/operator/revoke/state.ts';
import { type Account, accounts, application, type CredentialWorld, hourMs } from './world.ts';

const principalId = 'principal';

/**
 * The revocation drill, as `ptb revoke --yes` runs it. If it reports that something is left, the operator ends the faults,
 * corrects the client ids in the vault and runs it again for each account that ever consented. Those runs must succeed.
 */
export async function drill(world: CredentialWorld, calm: (world: CredentialWorld) => void): Promise<void> {
  const { entra, store } = world;
  const former = { tokens: new Map(entra.tokens), passwords: entra.passwords };
  const sessions = new Map(world.validFromMs);
  const first = await leftAfter(world);
  let left: string | undefined;
  if (first !== undefined) {
    world.unfinishedDrills += 1;
    calm(world);
    await correctClientIds(world);
    for (const account of accounts) {
      left ??= await leftAfter(world, { clientId: entra.clientId, account: nameOf(account) });
    }
  }
  const isRevoked = (account: Account): boolean => world.validFromMs.get(account) !== sessions.get(account);
  left ??= await leftLater(world, calm, isRevoked);
  if (world.isOtherChanged) left ??= 'the application of another broker was changed';
  // With a token from before the drill, the application could give itself a new secret.
  if (world.isSelfOwned) left ??= 'the application still owns itself';
  // A renewal or a rotation may have added some meanwhile.
  const issued = new Map([...former.tokens, ...entra.tokens]);
  const held = new Set(store.refreshTokens(application).map((token) => issued.get(token)?.account));
  world.revoked = {
    // A token that was lost before it was stored may belong to an account that only the operator knows.
    tokens: [...issued].filter(([, { account }]) => first !== undefined || held.has(account)).map(([token]) => token),
    passwords: [...new Set([...former.passwords, ...entra.passwords])],
    left,
  };
  world.drills += 1;
  world.isStopped = true;
}

/** The drill cannot know whether an application that only one version names was deleted, or its tag is wrong. */
async function correctClientIds({ store, entra: { clientId } }: CredentialWorld): Promise<void> {
  const isWrong = (version: { readonly clientId?: string }): boolean => version.clientId !== clientId;
  for (const { version } of (await store.listClientCredentialVersions(application)).filter(isWrong)) {
    store.editClient(application, version, { clientId });
  }
  for (const { version } of (await store.listRefreshTokenVersions(application)).filter(isWrong)) {
    store.editToken(application, version, { clientId });
  }
}

const nameOf = (account: Account): string => `${account}@partner.example`;
const matches = (account: Account, id: string): boolean => id === account || id === nameOf(account);

/** What the drill says is left. Undefined if it reports success. */
async function leftAfter(
  world: CredentialWorld,
  named: { readonly account?: string; readonly clientId?: string } = {},
): Promise<string | undefined> {
  try {
    const { results, proof, proven } = await revoke(depsOf(world), { application, ...named });
    if (proven) return undefined;
    const steps = results.filter(({ done }) => !done).map(({ step, detail }) => `${step}: ${detail}`);
    return [...steps, ...proof.filter((item) => !item.proven).map(({ item, detail }) => `${item}: ${detail}`)].join(
      '; ',
    );
  } catch (thrown) {
    return toBrokerError(thrown).detail;
  }
}

const provenAtOnce = 'the second pass is proven while access tokens from before work';

/**
 * What the second pass says is left, beside access tokens that have not expired. The operator ends the faults and names
 * each account. One whose sessions the drill did not revoke must not be proven.
 */
async function leftLater(
  world: CredentialWorld,
  calm: (world: CredentialWorld) => void,
  isRevoked: (account: Account) => boolean,
): Promise<string | undefined> {
  // Seconds after the drill, with a clock that says that access tokens from before have expired.
  world.skewMs += 2 * hourMs;
  const early = await openLater(world);
  world.skewMs -= 2 * hourMs;
  if (early === provenAtOnce) return early;
  const isOpen = (await openLater(world)) !== '';
  calm(world);
  const { clientId } = world.entra;
  for (const account of accounts) {
    const left = await openLater(world, { clientId, account: nameOf(account) });
    if (isRevoked(account)) {
      if (isOpen && left !== '') return `second pass: ${left}`;
    } else if (!world.isAppOnly && !left.includes(`Refresh tokens of ${nameOf(account)}: `)) {
      return `the second pass is proven for ${account}, whose sessions were not revoked`;
    }
  }
  return undefined;
}

async function openLater(
  world: CredentialWorld,
  named: { readonly account?: string; readonly clientId?: string } = {},
): Promise<string> {
  try {
    const proof = await verifyRevocation(depsOf(world), { application, ...named });
    const [time, ...others] = proof.filter(({ proven }) => !proven);
    // An access token from before works for 90 minutes, whatever the clock of this machine says.
    if (!proof.some(({ item, proven }) => item.startsWith('Access tokens') && !proven)) return provenAtOnce;
    const isTime = time?.detail.startsWith('One may work until') === true;
    return [...(isTime || time === undefined ? [] : [time]), ...others]
      .map(({ item, detail }) => `${item}: ${detail}`)
      .join('; ');
  } catch (thrown) {
    return toBrokerError(thrown).detail;
  }
}

function depsOf(world: CredentialWorld): RevokeDeps {
  const { faulty, clock, entra } = world;
  return {
    graph: graphOf(world),
    writer: writerOf(world),
    store: faulty,
    inventory: world.inventory,
    redeemer: entra,
    newId: () => `id-${world.below(1_000_000)}`,
    clock,
    partnerTenantId: world.tenantId,
    graphIdentifier: 'https://graph.microsoft.com',
  };
}

const missing = (): BrokerError =>
  new BrokerError('job_failed', 'Microsoft Graph does not know the object (404).', { logFields: { status: 404 } });

const accountIn = (path: string): Account | undefined => {
  const id = /^\/users\/([^/?]+)/.exec(path)?.[1];
  return accounts.find((account) => matches(account, decodeURIComponent(id ?? '')));
};

/** The application of another broker. No run of the drill may change it. */
const otherApplication: JsonObject = {
  id: 'other',
  tags: ['partner-token-broker:reader'],
  keyCredentials: [],
  passwordCredentials: [{ keyId: 'of-the-reader', displayName: 'partner-token-broker:0123456789ab', hint: 'rea' }],
};

/** Microsoft Graph with the token of the operator. `entra.get` also decides whether Graph fails. */
function graphOf(world: CredentialWorld): GraphClient {
  const { entra } = world;
  const find = async (path: string): Promise<JsonObject | undefined> => {
    const registration = await entra.get();
    if (path.startsWith('/users/')) {
      const account = accountIn(path);
      const validFromMs = account && world.validFromMs.get(account);
      return account && { id: account, signInSessionsValidFromDateTime: isoTime(validFromMs ?? 0) };
    }
    if (path.includes(entra.otherClientId)) return otherApplication;
    if (!path.includes(entra.clientId)) return undefined;
    return path.startsWith('/servicePrincipals')
      ? { id: principalId, keyCredentials: [], passwordCredentials: [] }
      : registration;
  };
  async function* list(path: string): AsyncGenerator<JsonObject, void, undefined> {
    await entra.get();
    if (path.includes('/owners') && world.isSelfOwned) yield { id: principalId };
  }
  return {
    find,
    get: async (path) => {
      const found = await find(path);
      if (found === undefined) throw missing();
      return found;
    },
    list,
    batch: () => Promise.reject(new Error('no batch is expected')),
  };
}

function writerOf(world: CredentialWorld): GraphWriter {
  const { entra } = world;
  const note = (path: string): void => {
    world.isOtherChanged ||= path.includes(entra.otherClientId) || path.includes('/other/');
  };
  return {
    post: async (path, body) => {
      note(path);
      if (!path.startsWith('/users/')) return entra.post(path, body);
      await entra.get();
      const account = accountIn(path);
      if (account === undefined) throw missing();
      entra.revoke(account);
      world.validFromMs.set(account, world.nowMs);
      return { value: true };
    },
    patch: (path, body) => {
      note(path);
      return entra.patch(path, body);
    },
    remove: async (path) => {
      note(path);
      await entra.get();
      if (path.includes(`/owners/${principalId}`)) world.isSelfOwned = false;
    },
  };
}
