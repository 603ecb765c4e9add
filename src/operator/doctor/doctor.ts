import { judgeCredential } from '../../lib/health/health.ts';
import { ptbCommand } from '../../lib/core/advice.ts';
import { probeMfa } from '../../lib/tokens/credential/mfa-probe.ts';
import type { Credential } from '../../lib/core/secrets.ts';
import type { CheckKeysDeps } from '../../lib/tokens/credential/check-keys.ts';
import type { CredentialStore } from '../../lib/tokens/credential/credential-store.ts';
import type { TokenSource } from '../../lib/core/token.ts';
import type { Resource } from '../../lib/core/token.ts';
import type { GraphClient } from '../../lib/microsoft/client.ts';
import type { Secret } from '../../lib/core/secret.ts';
import type { Clock } from '../../lib/core/clock.ts';
import { type BrokerError, isErrorCode } from '../../lib/core/errors.ts';
import type { Fetch } from '../../lib/core/outbound.ts';
import type { TenantId } from '../../lib/core/identifiers.ts';
import { attempt, type Check, ok, skipped } from './check.ts';
import { keysCheck } from './checks.ts';
import { type CustomerCheckDeps, customerChecks } from './doctor-customers.ts';
import { type GdapCheckDeps, gdapChecks } from './doctor-gdap.ts';

export type { Check } from './check.ts';

export interface DoctorDeps extends Omit<CustomerCheckDeps, 'token'>, GdapCheckDeps {
  readonly partnerTenantId: TenantId;
  readonly store: CredentialStore;
  readonly tokens: TokenSource;
  readonly graph: Resource;
  readonly partnerCenter: Resource;
  readonly partnerCenterEndpoint: string;
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** Microsoft Graph in the partner tenant with this token. */
  readonly partnerGraph: (token: Secret) => GraphClient;
  readonly newId: () => string;
  readonly identityTrust: CheckKeysDeps['identityTrust'];
  /** False: checks that need the managed identity are skipped. */
  readonly hasManagedIdentity: boolean;
}

/** Checks the credential from the vault to a token for a customer, in that order. Yields each result when it is known. */
export async function* examine(deps: DoctorDeps): AsyncGenerator<Check, void, undefined> {
  const read = await attempt(deps.application, 'Key Vault', () => deps.store.load(deps.application));
  if (!read.ok) {
    yield read.check;
    yield* ['Credential', ...needPartnerTenant].map(skipped);
    return;
  }
  yield { check: 'Key Vault', status: 'ok', message: 'The vault answers and holds the application.' };
  yield* storedChecks(deps, read.value);
  if (read.value.client.credential.kind === 'federated' && !deps.hasManagedIdentity) {
    yield { check: 'Client credential', status: 'notice', message: identityMissing };
    yield* needPartnerTenant.map(skipped);
    return;
  }
  const own = await attempt(deps.application, 'Client credential', () =>
    token(deps, deps.partnerTenantId, deps.graph, 'application'),
  );
  yield own.ok ? ok('Client credential', 'Entra accepts the client credential.') : own.check;
  if (own.ok) yield await keysCheck(deps, read.value.client, deps.partnerGraph(own.value.secret));
  if (read.value.refreshToken === undefined) {
    yield* needPartnerTenant.map(skipped);
    return;
  }
  const partner = await attempt(deps.application, 'Partner tenant', () =>
    token(deps, deps.partnerTenantId, deps.graph, 'delegated'),
  );
  yield partner.ok
    ? ok('Partner tenant', `Entra issued a token with the scopes ${partner.value.scopes.join(' ')}.`)
    : partner.check;
  if (!partner.ok) {
    yield* needPartnerTenant.slice(1).map(skipped);
    return;
  }
  yield await partnerCenterCheck(deps);
  yield* gdapChecks(deps, deps.partnerGraph(partner.value.secret));
  yield* customerChecks({ ...deps, token: (tenantId) => token(deps, tenantId, deps.graph, 'delegated') });
}

const needPartnerTenant = ['Partner tenant', 'Partner Center', 'Delegated roles', 'Customers', 'Customer token'];

/** A machine without the managed identity cannot use it. That is not a failure. */
const identityMissing =
  'The client credential is a managed identity, which this machine does not have. GET /api/health shows whether Entra accepts it, and `ptb verify` whether callers get tokens.';

/** Checks the stored credential without a request: account, MFA, expiry. */
function storedChecks(deps: DoctorDeps, credential: Credential): Check[] {
  const health = judgeCredential(
    { application: deps.application, needsRefreshToken: true, credential, journal: {} },
    deps.clock.nowMs(),
  );
  const summary =
    health.account === undefined
      ? `A client credential (${health.clientCredential?.kind}) and no refresh token.`
      : `Refresh token of ${health.account}, ${health.daysLeft} days left; client credential: ${health.clientCredential?.kind}${
          health.clientCredential?.daysLeft === undefined ? '' : `, ${health.clientCredential.daysLeft} days left`
        }.`;
  if (health.findings.length === 0) return [ok('Credential', summary)];
  return health.findings.map(({ severity, code, message, advice }) => ({
    check: 'Credential',
    status: severity === 'down' ? 'failed' : severity === 'degraded' ? 'warning' : 'notice',
    message,
    remedy: advice,
    ...(isErrorCode(code) ? { code } : {}),
  }));
}

async function partnerCenterCheck(deps: DoctorDeps): Promise<Check> {
  const result = await attempt(deps.application, 'Partner Center', async () => {
    const { secret } = await token(deps, deps.partnerTenantId, deps.partnerCenter, 'delegated');
    return probeMfa(deps, secret);
  });
  if (!result.ok) return isNotPermitted(result.failure) ? notPermitted : result.check;
  if (result.value === true) return ok('Partner Center', 'Partner Center answers and finds MFA in the token.');
  if (result.value === undefined) {
    const message = 'Partner Center answers, but does not report whether the token carries MFA.';
    return { check: 'Partner Center', status: 'notice', message };
  }
  return {
    check: 'Partner Center',
    status: 'failed',
    code: 'credential_revoked',
    message: 'Partner Center finds no MFA in the token and rejects it.',
    remedy: `Run ${ptbCommand('consent', deps.application)} and sign in with Microsoft MFA as the service account.`,
  };
}

/** AADSTS650057: the application is not registered for the resource. */
const isNotPermitted = ({ logFields }: BrokerError): boolean => logFields['aadsts'] === 650057;

/** An application whose profile omits Partner Center does not need it. */
const notPermitted: Check = {
  check: 'Partner Center',
  status: 'skipped',
  message: 'Not checked, because the application has no permission for Partner Center.',
};

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
