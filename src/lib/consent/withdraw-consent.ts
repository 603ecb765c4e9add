import { Limiter } from '../core/limiter.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { confirmWithdrawal } from './confirm-consent.ts';
import { type ConsentProblem, isSuccess, isTokenRefused, isUnknown, problemOf } from './consent-problem.ts';
import type { ConsentRun } from './customer-consent.ts';
import { describeScopes } from './customer-grants.ts';

export interface WithdrawalResult {
  readonly tenantId: TenantId;
  /** `absent`: there was no consent. */
  readonly outcome: 'removed' | 'absent' | 'failed';
  readonly code?: ErrorCode;
  readonly detail?: string;
  readonly nextStep?: string;
}

const concurrency = 8;

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

async function judge(
  run: ConsentRun,
  tenantId: TenantId,
  answer: Awaited<ReturnType<ConsentRun['consents']['withdraw']>>,
): Promise<WithdrawalResult> {
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
