import type { ErrorCode } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import type { ConfirmedConsent } from './confirm-consent.ts';
import { type ConsentProblem, isSuccess, isUnknown, problemOf, readingProblem } from './consent-problem.ts';
import type { ConsentOrder, GivenConsent } from './consent-order.ts';
import { describeScopes, isGranted, type ScopedResource } from './customer-grants.ts';
import { ptbCommand } from '../core/advice.ts';
import type { ConsentAnswer } from './partner-center-consents.ts';

/**
 * `consented`: given and read back. `already`: it was there. `unavailable`: the customer does not have the resource.
 * `outdated`: consented to fewer scopes than wanted, see `--renew`. `unconfirmed`: given, but not visible in the customer.
 */
type ResourceOutcome = 'consented' | 'already' | 'unavailable' | 'outdated' | 'unconfirmed' | 'failed';

interface ResourceResult {
  readonly appId: string;
  readonly resource: string;
  readonly outcome: ResourceOutcome;
  readonly scopes: readonly string[];
  readonly detail?: string;
}

export interface ConsentResult {
  readonly tenantId: TenantId;
  /** `failed` if anything that the customer could consent to is missing. */
  readonly outcome: 'consented' | 'already' | 'failed';
  readonly resources: readonly ResourceResult[];
  readonly code?: ErrorCode;
  readonly detail?: string;
  readonly nextStep?: string;
}

/** The outcome for one resource, with the problem if there is one. */
interface Judged {
  readonly resource: ScopedResource;
  readonly outcome: ResourceOutcome;
  readonly problem?: ConsentProblem | undefined;
}

/** The result of a customer in which nothing could be done. */
export const failedResult = (tenantId: TenantId, problem: ConsentProblem): ConsentResult => ({
  tenantId,
  outcome: 'failed',
  resources: [],
  ...problem,
});

/** Judges every resource of an order by the answers of Partner Center and by what the customer's directory shows. */
export function judgeConsent(
  { give, already, outdated, unavailable, canRenew }: ConsentOrder,
  { answers, ended }: GivenConsent,
  confirmed: ConfirmedConsent | undefined,
  application: string,
): readonly Judged[] {
  const lackingProblem = lacking(outdated, application, canRenew);
  return [
    ...give.map((resource): Judged => {
      const answer = answers.get(resource);
      return answer === undefined
        ? { resource, outcome: 'failed', problem: ended }
        : judgeResource(resource, answer, confirmed, application);
    }),
    ...already.map((resource): Judged => ({ resource, outcome: 'already' })),
    ...outdated.map((resource): Judged => ({ resource, outcome: 'outdated', problem: lackingProblem })),
    ...unavailable.map((resource): Judged => ({ resource, outcome: 'unavailable' })),
  ];
}

const lacking = (outdated: readonly ScopedResource[], application: string, canRenew: boolean): ConsentProblem => ({
  code: 'consent_required',
  detail: `The consent lacks ${describeScopes(outdated)}.`,
  nextStep: canRenew
    ? `Run ${ptbCommand('tenants consent --renew', application)}, which withdraws the consent and gives it again with these permissions.`
    : `Consent to the application default in this customer first: with it, ${ptbCommand('tenants consent --renew', application)} reads all grants before it withdraws them.`,
});

function judgeResource(
  resource: ScopedResource,
  answer: ConsentAnswer,
  confirmed: ConfirmedConsent | undefined,
  application: string,
): Judged {
  const consent = confirmed?.consent;
  const refused = (): Judged => ({ resource, outcome: 'failed', problem: problemOf(answer, application) });
  if (consent !== undefined && isGranted(consent, resource)) {
    return { resource, outcome: answer.status === 409 ? 'already' : 'consented' };
  }
  if (consent?.absent.has(resource.appId) && !isUnknown(answer)) return { resource, outcome: 'unavailable' };
  if (confirmed === undefined || (!isSuccess(answer) && answer.status !== 409)) return refused();
  if (answer.status === 409 && consent !== undefined) return refused();
  return { resource, outcome: 'unconfirmed', problem: unconfirmed(confirmed, application) };
}

function unconfirmed({ error }: ConfirmedConsent, application: string): ConsentProblem {
  const detail = 'Partner Center accepted the consent, but it could not be confirmed in the customer tenant';
  if (error === undefined) {
    return {
      code: 'consent_required',
      detail: `${detail} within three minutes.`,
      nextStep: 'Run the command again in a few minutes.',
    };
  }
  const problem = readingProblem(error, application);
  return { ...problem, detail: `${detail}. ${problem.detail}` };
}

/** Sums up the resources of a customer. */
export function resultOf(
  { tenantId }: Pick<ConsentOrder, 'tenantId'>,
  { ended }: Pick<GivenConsent, 'ended'>,
  judged: readonly Judged[],
): ConsentResult {
  const resources = judged.map(({ resource, outcome, problem }): ResourceResult => {
    const { appId, name, scopes } = resource;
    return { appId, resource: name, outcome, scopes, ...(problem === undefined ? {} : { detail: problem.detail }) };
  });
  const problem = ended ?? judged.find((each) => each.problem !== undefined)?.problem;
  if (problem !== undefined) {
    const details = new Set(judged.flatMap((each) => (each.problem === undefined ? [] : [describeProblem(each)])));
    const detail = ended === undefined ? [...details].join(' ') : ended.detail;
    return { tenantId, outcome: 'failed', resources, ...problem, detail };
  }
  if (judged.length > 0 && judged.every(({ outcome }) => outcome === 'unavailable')) {
    return {
      tenantId,
      outcome: 'failed',
      resources,
      code: 'resource_unavailable',
      detail: 'The customer has none of the resources of the profile.',
      nextStep: 'Check the licences of the customer, or leave the customer out with TENANTS_EXCLUDE.',
    };
  }
  return {
    tenantId,
    outcome: judged.some(({ outcome }) => outcome === 'consented') ? 'consented' : 'already',
    resources,
  };
}

const describeProblem = ({ resource, outcome, problem }: Judged): string =>
  outcome === 'outdated' ? (problem?.detail ?? '') : `${resource.name}: ${problem?.detail}`;
