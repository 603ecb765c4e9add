import { adviceFor, BrokerError, type ErrorCode, SetupError, toBrokerError } from '../core/errors.ts';
import type { CloudEndpoints } from '../core/resources.ts';
import type { TokenSource } from '../core/secrets.ts';
import { defaultApplication, type TenantId } from '../core/identifiers.ts';
import { errorFields } from '../core/log.ts';
import type { ConsentAttempt, ConsentInTenants } from '../tenant-events/consent-in-new.ts';
import { type ConsentResult, failedResult, planConsent } from './consent-result.ts';
import { readCustomerConsent, readingProblem, repeatCommand } from './consent-problem.ts';
import { type ConsentTokensDeps, createConsentTokens, readRegistration } from './registration.ts';
import { consentInTenants, type ConsentRun } from './customer-consent.ts';
import { type CustomerConsent, customerResources } from './customer-grants.ts';
import { PartnerCenterConsents, type RecordedConsentsDeps, recordGiven } from './partner-center-consents.ts';

/** Stands for a rule of the policy in audit records. */
const rule = 'auto-consent';

export interface NewTenantsDeps extends Omit<ConsentTokensDeps, 'purpose'>, RecordedConsentsDeps {
  /** Behind the gate of tokens, so that the broker consents in no excluded tenant, and nowhere without a policy in force. */
  readonly customerTokens: TokenSource;
  readonly endpoints: Pick<CloudEndpoints, 'graph' | 'partnerCenter'>;
  /** The client id of the default application. */
  readonly clientId: () => Promise<string>;
}

/**
 * Consents to the default application in tenants, with the permissions that are registered. Gives only resources that have no
 * consent at all, and withdraws nothing.
 */
export const consentInNewTenants =
  (deps: NewTenantsDeps): ConsentInTenants =>
  async (tenants) => {
    try {
      const { run, wanted } = await open(deps);
      const read = await Promise.all(
        tenants.map(async (tenant) => ({ tenant, consent: await readIn(run, tenant.tenantId) })),
      );
      const unread = read.flatMap(({ consent }) => ('outcome' in consent ? [consent] : []));
      const plans = read.flatMap(({ tenant, consent }) =>
        'outcome' in consent ? [] : [planConsent(tenant, wanted, consent, false)],
      );
      const results = [...unread, ...(await consentInTenants(run, plans))];
      return new Map(results.map((result) => [result.tenantId, attemptOf(result)]));
    } catch (thrown) {
      // It concerns no tenant alone, such as a credential that is refused.
      const { code, detail } = errorOf(thrown);
      deps.log.log('warn', 'auto_consent.failed', errorFields(thrown));
      const failure = { code, detail, nextStep: adviceFor(code, 'operator') };
      return new Map(tenants.map(({ tenantId }) => [tenantId, { outcome: 'later', failure }]));
    }
  };

async function open(deps: NewTenantsDeps) {
  const { clock, customerTokens, endpoints, partnerTenantId } = deps;
  const tokens = createConsentTokens({ ...deps, purpose: rule });
  const clientId = await deps.clientId();
  const { registered, profile } = await readRegistration(tokens, { clientId, partnerTenantId });
  const wanted = customerResources(profile);
  if (wanted.length === 0)
    throw new BrokerError('config_invalid', 'The application has no permissions that customers could consent to.');
  const token = () => tokens.partnerCenter(defaultApplication);
  const partnerCenterEndpoint = endpoints.partnerCenter;
  const consents = new PartnerCenterConsents({ ...deps, partnerCenterEndpoint, token }, registered);
  const readers = {
    graph: (reader: string, tenantId: TenantId) => tokens.graphIn(reader, 'delegated', tenantId),
    scopesOfToken: tokens.scopesFor,
  };
  const application = defaultApplication;
  const run: ConsentRun = {
    consents: { give: recordGiven(deps, consents, { application, rule }), withdraw: never },
    journal: { save: never, list: async () => [], drop: never },
    clock,
    application,
    signal: new AbortController().signal,
    read: (tenantId) => {
      customerTokens.forgetTenant(tenantId);
      return readCustomerConsent(readers, { application, clientId }, wanted, tenantId);
    },
  };
  return { run, wanted };
}

/** Nothing is withdrawn here. */
const never = (): Promise<never> => Promise.reject(new TypeError('A consent would be withdrawn.'));

/** @returns a result if the consent cannot be read. @throws BrokerError if the credential itself failed. */
async function readIn({ read, application }: ConsentRun, tenantId: TenantId): Promise<CustomerConsent | ConsentResult> {
  try {
    return await read(tenantId);
  } catch (thrown) {
    const error = toBrokerError(thrown);
    if (error.scope !== 'tenant') throw error;
    return failedResult(tenantId, readingProblem(error, application));
  }
}

/** Right after a relationship has begun, Partner Center may not know the customer yet, and no role is assigned. */
const passing: ReadonlySet<ErrorCode> = new Set(['access_denied', 'interaction_required', 'tenant_unknown']);

function attemptOf(result: ConsentResult): ConsentAttempt {
  const { outcome, resources, code = 'internal', detail = '', nextStep = '' } = result;
  if (outcome !== 'failed') return { outcome: 'given' };
  const { scope, transient } = new BrokerError(code, detail);
  const isUnconfirmed = resources.some((resource) => resource.outcome === 'unconfirmed');
  const mayPass = transient || scope !== 'tenant' || isUnconfirmed || passing.has(code);
  const failure = { code, detail, nextStep: nextStep.replace(repeatCommand, '').trim() };
  return { outcome: mayPass ? 'later' : 'refused', failure };
}

const errorOf = (thrown: unknown): BrokerError =>
  thrown instanceof SetupError ? new BrokerError('config_invalid', thrown.detail) : toBrokerError(thrown);
