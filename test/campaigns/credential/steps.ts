import { BrokerError } from '../../../src/lib/core/errors.ts';
import type { TenantId } from '../../../src/lib/core/identifiers.ts';
import { Secret } from '../../../src/lib/core/secrets.ts';
import { drill } from './drill.ts';
import { accounts, application, type CredentialWorld, dayMs, hourMs } from './world.ts';

/** One step of a sequence. Failures of the commands are expected; the invariants judge what they leave behind. */
export interface Step {
  readonly name: string;
  readonly run: (world: CredentialWorld) => Promise<unknown>;
  /** Whether it is a person's edit of one version. Between two of them, the broker has the time to heal. */
  readonly isEdit?: true;
  /** Whether the step needs a refresh token. */
  readonly isDelegated?: true;
}

/** Of no application. */
const unknownClientId = '55555555-5555-4555-8555-555555555555';

const attempt = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined);

const newestToken = async ({ store }: CredentialWorld): Promise<string | undefined> =>
  (await store.listRefreshTokenVersions(application)).find(({ enabled }) => enabled)?.version;
const newestClient = async ({ store }: CredentialWorld): Promise<string | undefined> =>
  (await store.listClientCredentialVersions(application)).find(({ enabled }) => enabled)?.version;

const edit = (name: string, run: Step['run']): Step => ({
  name: `edit: ${name}`,
  run,
  isEdit: true,
  ...(name.startsWith('refresh token') ? { isDelegated: true } : {}),
});
const delegated = (step: Step): Step => ({ ...step, isDelegated: true });

function pasteToken(world: CredentialWorld, value: string, more: { account?: string; accountObjectId?: string } = {}) {
  return world.store.saveRefreshToken(application, {
    secret: new Secret(value),
    clientId: world.entra.clientId,
    account: '',
    accountObjectId: '',
    mfa: false,
    obtainedAtMs: world.nowMs,
    expiresAtMs: world.nowMs + 90 * dayMs,
    ...more,
  });
}

const editToken = (name: string, changes: (world: CredentialWorld) => object): Step =>
  edit(`refresh token, ${name}`, async (world) => {
    const version = await newestToken(world);
    if (version !== undefined) world.store.editToken(application, version, changes(world));
  });

type Tag = 'consentedAtMs' | 'accountObjectId';

/** Copies a tag from one version to another, both random. */
async function copyTag(world: CredentialWorld, tag: Tag): Promise<void> {
  const versions = await world.store.listRefreshTokenVersions(application);
  const to = world.pick(versions.filter(({ enabled }) => enabled)).version;
  const value = world.pick(versions)[tag];
  if (value !== undefined) world.store.editToken(application, to, { [tag]: value });
}

/** The other account consents, then a person copies a tag between the versions, and the new account is locked out. */
const takeOver = (name: string, tag: Tag): Step =>
  edit(`refresh token, ${name} copied after a consent, then sessions revoked`, async (world) => {
    calm(world);
    await world.consent(world.pick(accounts));
    await copyTag(world, tag);
    if (world.consented !== undefined) world.entra.revoke(world.consented);
    await attempt(rotate(world));
  });

const editClient = (name: string, changes: (world: CredentialWorld) => object): Step =>
  edit(`client credential, ${name}`, async (world) => {
    const version = await newestClient(world);
    if (version !== undefined) world.store.editClient(application, version, changes(world));
  });

/** A person changes the tag of every version, so that nothing in the vault names the right application. */
async function editAllClientIds({ store }: CredentialWorld, clientId: string): Promise<void> {
  for (const { version } of await store.listClientCredentialVersions(application))
    store.editClient(application, version, { clientId });
  for (const { version } of await store.listRefreshTokenVersions(application))
    store.editToken(application, version, { clientId });
}

const edits: readonly Step[] = [
  edit('client ids of all versions changed', (world) => editAllClientIds(world, unknownClientId)),
  edit('client ids of all versions changed to no GUID', (world) => editAllClientIds(world, 'another')),
  edit('client ids of all versions, of another application', (world) =>
    editAllClientIds(world, world.entra.otherClientId),
  ),
  edit('refresh token, pasted', (world) => pasteToken(world, 'pasted')),
  edit('refresh token, pasted with tags', (world) =>
    pasteToken(world, 'pasted', { accountObjectId: world.pick(accounts) }),
  ),
  edit('refresh token, pasted from the other account', async (world) => {
    const other = accounts.find((account) => account !== world.consented);
    const { refreshToken } = (await world.inForce()) ?? {};
    if (other !== undefined && refreshToken?.consentedAtMs !== undefined)
      await pasteToken(world, world.entra.signIn(other));
  }),
  edit('refresh token, pasted from the same account', async (world) => {
    if (world.consented !== undefined) await pasteToken(world, world.entra.signIn(world.consented));
  }),
  edit('refresh token, newest disabled', async (world) => {
    const version = await newestToken(world);
    if (version !== undefined) await world.store.disableRefreshTokenVersion(application, version);
  }),
  editToken('account removed', () => ({ account: '', accountObjectId: '' })),
  editToken('account changed', (world) => ({ accountObjectId: `nobody-${world.below(1_000_000)}` })),
  edit('refresh token, account copied from another version', (world) => copyTag(world, 'accountObjectId')),
  edit('refresh token, time of consent copied from another version', (world) => copyTag(world, 'consentedAtMs')),
  takeOver('account', 'accountObjectId'),
  takeOver('time of consent', 'consentedAtMs'),
  editToken('time of consent removed', () => ({ consentedAtMs: undefined })),
  editToken('time of consent changed', (world) => ({
    consentedAtMs: world.nowMs + (world.below(2_000) - 1_000) * dayMs,
  })),
  editToken('client id changed', () => ({ clientId: unknownClientId })),
  editToken('expiry in the past', ({ nowMs }) => ({ expiresAtMs: nowMs - dayMs })),
  editToken('expiry later', ({ nowMs }) => ({ expiresAtMs: nowMs + 900 * dayMs })),
  edit('client credential, pasted', (world) => world.storeClient({})),
  edit('client credential, pasted without tags', async (world) => {
    const version = await world.storeClient({});
    world.store.editClient(application, version, { unreadable: new BrokerError('credential_missing', 'No tags.') });
  }),
  edit('client credential, pasted with a wrong client id', (world) => world.storeClient({ clientId: unknownClientId })),
  edit('client credential, stored in the portal without expiry and key id', (world) => world.storePortalSecret()),
  edit('client credential, newest disabled', async (world) => {
    const version = await newestClient(world);
    if (version !== undefined) await world.store.disableClientCredentialVersion(application, version);
  }),
  editClient('tags removed', () => ({ unreadable: new BrokerError('credential_missing', 'No tags.') })),
  editClient('client id changed', () => ({ clientId: unknownClientId })),
  editClient('client id of another application', ({ entra }) => ({ clientId: entra.otherClientId })),
  editClient('tenant id changed', () => ({ tenantId: '88888888-8888-4888-8888-888888888888' as TenantId })),
  editClient('kind changed', () => ({ credential: { kind: 'federated' } })),
  editClient('expiry in the past', ({ nowMs }) => ({ endsAtMs: nowMs - dayMs })),
  editClient('expiry later', ({ nowMs }) => ({ endsAtMs: nowMs + 900 * dayMs })),
  editClient('expiry removed', () => ({ endsAtMs: undefined })),
];

/** Two kinds of work at the same time; the seed decides the order of their calls to the vault. */
const together = (name: string, one: Step['run'], other: Step['run']): Step => ({
  name,
  run: (world) => Promise.all([attempt(one(world)), attempt(other(world))]),
});

const rotate: Step['run'] = (world) => world.rotate();
const renew: Step['run'] = (world) => world.renew();
const revoke: Step['run'] = (world) => drill(world, calm);
const consent: Step['run'] = (world) => world.consent(world.pick(accounts));
const setUp: Step['run'] = (world) => world.setUp();
const changeKind: Step['run'] = (world) => {
  world.kind = world.kind === 'secret' ? 'certificate' : 'secret';
  return world.setUp();
};

export const steps: readonly Step[] = [
  { name: 'daily care', run: (world) => ((world.nowMs += dayMs), attempt(world.care())) },
  { name: 'daily care', run: (world) => ((world.nowMs += dayMs), attempt(world.care())) },
  { name: 'a month of daily care', run: month },
  { name: 'hours pass', run: async (world) => (world.nowMs += (1 + world.below(48)) * hourMs) },
  delegated({ name: 'rotation', run: (world) => attempt(rotate(world)) }),
  { name: 'renewal', run: (world) => attempt(renew(world)) },
  delegated({ name: 'consent', run: consent }),
  delegated(together('rotation and consent', rotate, consent)),
  delegated(together('two rotations', rotate, rotate)),
  delegated(together('care and consent', (world) => world.care(), consent)),
  together('two renewals', renew, renew),
  together('renewal and setup', renew, setUp),
  together('renewal and setup of the other kind', renew, changeKind),
  { name: 'setup of the other kind', run: (world) => attempt(changeKind(world)) },
  together('renewal and disabling all', renew, stop),
  delegated(together('rotation and disabling all', rotate, stop)),
  { name: 'disabling all', run: stop },
  { name: 'drill', run: revoke },
  delegated(together('drill and rotation', revoke, rotate)),
  together('drill and renewal', revoke, renew),
  together('drill and care', revoke, (world) => world.care()),
  { name: 'faults of the vault', run: async (world) => (world.vaultFaultShare = 0.2 * world.random()) },
  { name: 'faults of Entra', run: async (world) => (world.entra.faultShare = 0.3 * world.random()) },
  {
    name: 'lag of Entra',
    run: async ({ entra, random }) => void Object.assign(entra, { lagShare: random(), lagMs: hourMs * random() }),
  },
  {
    name: 'clock of the app changed',
    run: async (world) => {
      world.skewMs = world.entra.skewMs = world.pick([
        -dayMs,
        -hourMs,
        -600_000,
        0,
        600_000,
        hourMs,
        2 * hourMs,
        dayMs,
      ]);
    },
  },
  delegated({ name: 'sessions revoked', run: async (world) => world.entra.revoke(world.pick(accounts)) }),
  ...edits,
];

async function month(world: CredentialWorld): Promise<void> {
  for (let day = 0; day < 30; day += 1) {
    world.nowMs += dayMs;
    await attempt(world.care());
  }
}

/** A person stops the broker: disables all versions, in the order of the list. */
async function stop(world: CredentialWorld): Promise<void> {
  const { store } = world;
  for (const { version, enabled } of await store.listRefreshTokenVersions(application)) {
    if (enabled) await store.disableRefreshTokenVersion(application, version);
  }
  for (const { version, enabled } of await store.listClientCredentialVersions(application)) {
    if (enabled) await store.disableClientCredentialVersion(application, version);
  }
  world.isStopped = true;
}

/** A person sets the application up again after everything was disabled. */
export async function restart(world: CredentialWorld): Promise<void> {
  calm(world);
  await world.setUp();
  if (world.isAppOnly) world.isStopped = false;
  else await world.consent(world.pick(accounts));
}

/** Ends all faults. */
export function calm(world: CredentialWorld): void {
  Object.assign(world.entra, { faultShare: 0, lagShare: 0, skewMs: 0 });
  Object.assign(world, { vaultFaultShare: 0, skewMs: 0 });
}
