import { judgeCredential } from '../credential/health.ts';
import { probeMfa } from '../credential/mfa-probe.ts';
import type { Credential } from '../credential/credential.ts';
import type { CredentialStore } from '../credential/credential-store.ts';
import type { TokenSource } from '../broker/token.ts';
import type { Resource } from '../broker/token.ts';
import type { Clock } from '../clock.ts';
import { BrokerError, type ErrorCode, errorTable, toBrokerError } from '../errors.ts';
import type { Fetch } from '../http/outbound.ts';
import type { TenantId } from '../identifiers.ts';
import type { TenantDirectory } from '../tenants/directory.ts';
import { type DelegatedTenant, reasonTexts } from '../tenants/tenant.ts';

/** What became of one check. `skipped`: something before it failed, so it says nothing. */
export interface Check {
  readonly check: string;
  readonly status: 'ok' | 'notice' | 'warning' | 'failed' | 'skipped';
  readonly message: string;
  /** What to do; absent where nothing is to be done. */
  readonly remedy?: string;
  readonly code?: ErrorCode;
}

export interface DoctorDeps {
  readonly application: string;
  readonly partnerTenantId: TenantId;
  readonly store: CredentialStore;
  readonly tokens: TokenSource;
  readonly directory: Pick<TenantDirectory, 'snapshot'>;
  readonly graph: Resource;
  readonly partnerCenter: Resource;
  readonly partnerCenterEndpoint: string;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Only this customer, by tenant id or domain. */
  readonly customer?: string | undefined;
}

/** How many customers are tried before it is said that none works. */
const customersTried = 5;

/** Checks the credential from the vault to a real token for a customer, in that order; yields each line as it is known. */
export async function* examine(deps: DoctorDeps): AsyncGenerator<Check, void, undefined> {
  const read = await attempt('Key Vault', () => deps.store.load(deps.application));
  if (!read.ok) {
    yield read.check;
    yield* ['Credential', 'Partner tenant', 'Partner Center', 'Customers', 'Customer token'].map(skipped);
    return;
  }
  yield { check: 'Key Vault', status: 'ok', message: 'The vault answers, and the application is set up in it.' };
  yield* storedChecks(deps, read.value);
  const own = await attempt('Client credential', () => token(deps, deps.partnerTenantId, deps.graph, 'application'));
  yield own.ok ? ok('Client credential', 'Entra accepts it.') : own.check;
  if (read.value.refreshToken === undefined) {
    yield* ['Partner tenant', 'Partner Center', 'Customers', 'Customer token'].map(skipped);
    return;
  }
  const partner = await attempt('Partner tenant', () => token(deps, deps.partnerTenantId, deps.graph, 'delegated'));
  yield partner.ok
    ? ok('Partner tenant', `Entra issued a token with the scopes ${partner.value.scopes.join(' ')}.`)
    : partner.check;
  if (!partner.ok) {
    yield* ['Partner Center', 'Customers', 'Customer token'].map(skipped);
    return;
  }
  yield await partnerCenterCheck(deps);
  yield* customerChecks(deps);
}

/** What the stored credential says of itself: account, MFA, ends. */
function storedChecks(deps: DoctorDeps, credential: Credential): Check[] {
  const health = judgeCredential(
    { application: deps.application, needsRefreshToken: true, credential, journal: {} },
    deps.clock.nowMs(),
  );
  const said =
    health.account === undefined
      ? `A client credential (${health.clientCredential?.kind}) and no refresh token.`
      : `Refresh token of ${health.account}, ${health.daysLeft} days left; client credential: ${health.clientCredential?.kind}${
          health.clientCredential?.daysLeft === undefined ? '' : `, ${health.clientCredential.daysLeft} days left`
        }.`;
  if (health.findings.length === 0) return [ok('Credential', said)];
  return health.findings.map(({ severity, code, message, advice }) => ({
    check: 'Credential',
    status: severity === 'down' ? 'failed' : severity === 'degraded' ? 'warning' : 'notice',
    message,
    remedy: advice,
    ...(code in errorTable ? { code: code as ErrorCode } : {}),
  }));
}

async function partnerCenterCheck(deps: DoctorDeps): Promise<Check> {
  const result = await attempt('Partner Center', async () => {
    const { secret } = await token(deps, deps.partnerTenantId, deps.partnerCenter, 'delegated');
    return probeMfa(deps, secret);
  });
  if (!result.ok) return result.check;
  if (result.value === true) return ok('Partner Center', 'It answers, and finds MFA in the token.');
  if (result.value === undefined) {
    const message = 'It answers, but does not say whether the token carries MFA.';
    return { check: 'Partner Center', status: 'notice', message };
  }
  return {
    check: 'Partner Center',
    status: 'failed',
    code: 'credential_revoked',
    message: 'Partner Center finds no MFA in the token and refuses it.',
    remedy: 'Run `ptb consent` and sign in with Microsoft MFA as the service account.',
  };
}

async function* customerChecks(deps: DoctorDeps): AsyncGenerator<Check, void, undefined> {
  const list = await attempt('Customers', () => deps.directory.snapshot());
  if (!list.ok) {
    yield list.check;
    yield skipped('Customer token');
    return;
  }
  const { tenants, warnings } = list.value;
  const reachable = tenants.filter((tenant) => tenant.reachable);
  const said = `${tenants.length} customers, ${reachable.length} of them with delegated access.`;
  if (tenants.length === 0) {
    yield {
      check: 'Customers',
      status: 'warning',
      message: 'Microsoft lists no customers at all.',
      remedy: 'Make the service account a member of the group AdminAgents: who is not gets an empty list and no error.',
    };
    yield skipped('Customer token');
    return;
  }
  yield warnings.length === 0
    ? ok('Customers', said)
    : { check: 'Customers', status: 'warning', message: `${said} ${warnings.join(' ')}` };
  yield await customerTokenCheck(deps, tenants);
}

async function customerTokenCheck(deps: DoctorDeps, tenants: readonly DelegatedTenant[]): Promise<Check> {
  const wanted = deps.customer?.toLowerCase();
  const candidates =
    wanted === undefined
      ? tenants.filter(({ reachable }) => reachable).slice(0, customersTried)
      : tenants.filter(({ tenantId, defaultDomain }) => tenantId === wanted || defaultDomain === wanted);
  const [first] = candidates;
  if (first === undefined) {
    const detail = wanted === undefined ? 'No customer has delegated access.' : `"${wanted}" is no customer.`;
    return failed('Customer token', new BrokerError('tenant_not_delegated', detail));
  }
  if (!first.reachable)
    return failed('Customer token', new BrokerError('tenant_not_delegated', reasonTexts[first.reason]));
  let last: Check = skipped('Customer token');
  for (const { tenantId, name } of candidates) {
    const result = await attempt('Customer token', () => token(deps, tenantId, deps.graph, 'delegated'));
    if (result.ok) return ok('Customer token', `Entra issued a token for ${name}.`);
    last = { ...result.check, message: `${name}: ${result.check.message}` };
  }
  return last;
}

function token(deps: DoctorDeps, tenantId: TenantId, resource: Resource, grant: 'delegated' | 'application') {
  const { application } = deps;
  return deps.tokens.getToken({
    tenantId,
    resource,
    grant,
    application,
    minimumLifetimeSeconds: 0,
    correlationId: deps.newId(),
  });
}

type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly check: Check };

async function attempt<T>(check: string, work: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (thrown) {
    return { ok: false, check: failed(check, toBrokerError(thrown)) };
  }
}

const ok = (check: string, message: string): Check => ({ check, status: 'ok', message });

const failed = (check: string, { code, detail }: BrokerError): Check => ({
  check,
  status: 'failed',
  code,
  message: detail,
  remedy: errorTable[code].advice,
});

const skipped = (check: string): Check => ({
  check,
  status: 'skipped',
  message: 'Not checked, because something before it failed.',
});
