import type { Clock } from '../core/clock.ts';
import type { TenantId } from '../core/identifiers.ts';
import { Limiter } from '../core/limiter.ts';
import {
  concernsCustomer,
  type ConsentProblem,
  isSuccess,
  isTokenRefused,
  isUnknown,
  isWithdrawalRefused,
  problemOf,
} from './consent-problem.ts';
import {
  confirmConsent,
  confirmWithdrawal,
  type ConsentPlan,
  type ConsentResult,
  type GivenConsent,
  judgeConsent,
  resultOf,
} from './consent-result.ts';
import {
  type ConsentJournal,
  type CustomerConsent,
  describeScopes,
  isGranted,
  type ScopedResource,
} from './customer-grants.ts';
import type { ConsentAnswer, PartnerCenterConsents } from './partner-center-consents.ts';

export interface ConsentRun {
  readonly consents: Pick<PartnerCenterConsents, 'give' | 'withdraw'>;
  readonly journal: ConsentJournal;
  readonly clock: Clock;
  /** Name of the application in Key Vault, for advice. */
  readonly application: string;
  /** Reads the consent of a customer with a new token: one issued before the consent lacks it. */
  readonly read: (tenantId: TenantId) => Promise<CustomerConsent>;
  /** After an abort no further tenant is started. One that was started is finished, because its old consent may be withdrawn. */
  readonly signal: AbortSignal;
}

const concurrency = 8;
/** A withdrawal may take a moment to be visible to the requests that follow it. The pauses of one customer. */
const pausesAfterWithdrawalMs = [2_000, 5_000, 10_000] as const;

/**
 * Consents in many tenants, independently of each other. A failure is a result, not an error. Success is reported only
 * after the consent was read in the customer tenant. When Partner Center refuses the token itself, no further tenant is
 * tried.
 * @param report receives each result when it is known.
 * @returns the results of the tenants that were started before the signal was aborted.
 * @throws the error of the token source.
 */
export async function consentInTenants(
  run: ConsentRun,
  plans: readonly ConsentPlan[],
  report: (result: ConsentResult) => void = () => undefined,
): Promise<readonly ConsentResult[]> {
  const limiter = new Limiter(concurrency);
  let refused: ConsentProblem | undefined;
  const one = async (plan: ConsentPlan): Promise<readonly ConsentResult[]> => {
    const given = await limiter.run(async (): Promise<GivenConsent | undefined> => {
      if (run.signal.aborted) return undefined;
      if (refused !== undefined && plan.give.length > 0)
        return { answers: new Map(), ended: refused, isTokenRefused: true };
      const done = await giveIn(run, plan);
      if (done.isTokenRefused) refused = done.ended;
      return done;
    });
    if (given === undefined) return [];
    // Outside of the limiter, because a consent may take a minute to become visible.
    const result = await finish(run, plan, given);
    report(result);
    return [result];
  };
  return (await Promise.all(plans.map(one))).flat();
}

async function giveIn(run: ConsentRun, plan: ConsentPlan): Promise<GivenConsent> {
  const answers = new Map<ScopedResource, ConsentAnswer>();
  const endedBy = (answer: ConsentAnswer): GivenConsent => ({
    answers,
    ended: problemOf(answer, run.application),
    isTokenRefused: isTokenRefused(answer),
  });
  let hasAccess = false;
  if (plan.withdrawsFirst) {
    const refused = await withdrawFirst(run, plan);
    if (refused !== undefined) return endedBy(refused);
    hasAccess = true;
  }
  const pausesMs: number[] = plan.former === undefined ? [] : [...pausesAfterWithdrawalMs];
  for (const resource of plan.give) {
    const answer = await giveOne(run, plan, resource, pausesMs);
    answers.set(resource, answer);
    await giveBack(run, plan, resource, answers);
    if (isSuccess(answer)) hasAccess = true;
    else if (concernsCustomer(answer, hasAccess)) return endedBy(answer);
  }
  return { answers, ended: undefined, isTokenRefused: false };
}

/** @returns the answer if the consent certainly still exists. */
async function withdrawFirst(
  { consents, journal, clock }: ConsentRun,
  { tenantId, name, give, former = [] }: ConsentPlan,
): Promise<ConsentAnswer | undefined> {
  await journal.save({ tenantId, name, startedAtMs: clock.nowMs(), before: former, after: give });
  const answer = await consents.withdraw(tenantId);
  if (!isWithdrawalRefused(answer)) return undefined;
  await journal.drop(tenantId);
  return answer;
}

/** Consents to one resource. @param pausesMs before further attempts after a 409. Removes those that it used. */
async function giveOne(
  { consents, clock }: ConsentRun,
  { tenantId }: ConsentPlan,
  resource: ScopedResource,
  pausesMs: number[],
): Promise<ConsentAnswer> {
  for (;;) {
    const answer = await consents.give(tenantId, resource);
    if (answer.status !== 409) return answer;
    const pauseMs = pausesMs.shift();
    if (pauseMs === undefined) return answer;
    await clock.sleep(pauseMs);
  }
}

/** After a refusal of further scopes, gives at least those again that the customer had consented to. */
async function giveBack(
  { consents }: ConsentRun,
  { tenantId, former = [] }: ConsentPlan,
  resource: ScopedResource,
  answers: Map<ScopedResource, ConsentAnswer>,
): Promise<void> {
  const smaller = former.find(({ appId }) => appId === resource.appId);
  if (smaller === undefined || answers.get(resource)?.status !== 400) return;
  if (describeScopes([smaller]) === describeScopes([resource])) return;
  answers.set(smaller, await consents.give(tenantId, smaller));
}

/** Reads back what was given, and forgets the journal entry once nothing that was withdrawn is missing. */
async function finish(run: ConsentRun, plan: ConsentPlan, given: GivenConsent): Promise<ConsentResult> {
  const { tenantId, former } = plan;
  const isReadBack = [...given.answers.values()].some(mayHaveWorked);
  const confirmed = isReadBack ? await confirmConsent(run, tenantId, awaited(given)) : undefined;
  const result = resultOf(plan, given, judgeConsent(plan, given, confirmed, run.application));
  if (former === undefined) return result;
  const hasFormer = former.every((each) => confirmed?.consent !== undefined && isGranted(confirmed.consent, each));
  if (result.outcome !== 'failed' || hasFormer) {
    await run.journal.drop(tenantId);
    return result;
  }
  const isWithdrawn = given.answers.size > 0 || !plan.withdrawsFirst;
  return isWithdrawn ? { ...result, detail: `${result.detail} ${unfinished}` } : result;
}

const unfinished =
  'The former consent is withdrawn and not fully given again. The next run of the command continues. To give it up, run it with --remove for this customer.';

/** After any other answer there is nothing to read. After a 400, the directory shows whether the resource exists. */
const mayHaveWorked = (answer: ConsentAnswer): boolean =>
  isSuccess(answer) || isUnknown(answer) || answer.status === 409 || answer.status === 400;

/** The resources whose grants must become visible. */
const awaited = ({ answers }: GivenConsent): readonly ScopedResource[] =>
  [...answers].flatMap(([resource, answer]) => (isSuccess(answer) || answer.status === 409 ? [resource] : []));

export interface WithdrawalResult extends Partial<ConsentProblem> {
  readonly tenantId: TenantId;
  /** `absent`: there was no consent. */
  readonly outcome: 'removed' | 'absent' | 'failed';
}

/**
 * Withdraws the consent in many tenants, independently of each other, and reads each one back. The service principal stays
 * in the customer tenant, without grants.
 * @returns the results of the tenants that were started before the signal was aborted.
 */
export async function withdrawConsents(
  run: ConsentRun,
  tenantIds: readonly TenantId[],
  report: (result: WithdrawalResult) => void = () => undefined,
): Promise<readonly WithdrawalResult[]> {
  const limiter = new Limiter(concurrency);
  let refused: ConsentProblem | undefined;
  const one = async (tenantId: TenantId): Promise<readonly WithdrawalResult[]> => {
    const answer = await limiter.run(async () => {
      if (run.signal.aborted) return undefined;
      if (refused !== undefined) return refused;
      const got = await run.consents.withdraw(tenantId);
      if (isTokenRefused(got)) refused = problemOf(got, run.application);
      return got;
    });
    if (answer === undefined) return [];
    const result: WithdrawalResult =
      'nextStep' in answer ? { tenantId, outcome: 'failed', ...answer } : await judge(run, tenantId, answer);
    report(result);
    return [result];
  };
  return (await Promise.all(tenantIds.map(one))).flat();
}

async function judge(run: ConsentRun, tenantId: TenantId, answer: ConsentAnswer): Promise<WithdrawalResult> {
  const failed = (problem: ConsentProblem): WithdrawalResult => ({ tenantId, outcome: 'failed', ...problem });
  const isGone = answer.status === 404 && answer.code !== unknownCustomer;
  if (!isSuccess(answer) && !isUnknown(answer) && !isGone) return failed(problemOf(answer, run.application));
  const { consent } = await confirmWithdrawal(run, tenantId);
  if (consent?.grants.length === 0) {
    await run.journal.drop(tenantId);
    return { tenantId, outcome: isGone ? 'absent' : 'removed' };
  }
  if (!isSuccess(answer)) return failed(problemOf(answer, run.application));
  const still = consent === undefined ? '' : ` It still has ${describeScopes(consent.grants)}.`;
  return failed({
    code: 'resource_error',
    detail: `Partner Center withdrew the consent, but that could not be confirmed in the customer tenant.${still}`,
    nextStep: 'Run the command again in a few minutes, or look at the enterprise application in the customer tenant.',
  });
}

/** "Partner Center REST error codes": the customer is not found. */
const unknownCustomer = '60003';
