import type { Clock } from '../core/clock.ts';
import { type BrokerError, ptbCommand, toBrokerError } from '../core/errors.ts';
import type { TenantId } from '../core/identifiers.ts';
import { defined } from '../core/objects.ts';
import { type ConsentProblem, isSuccess, isUnknown, problemOf, readingProblem } from './consent-problem.ts';
import {
  compareConsent,
  type CustomerConsent,
  describeScopes,
  isGranted,
  type JournalEntry,
  mergeScopes,
  type ScopedResource,
  scopesIn,
} from './customer-grants.ts';
import type { ConsentAnswer } from './partner-center-consents.ts';

/** What to do in one customer. */
export interface ConsentPlan {
  readonly tenantId: TenantId;
  readonly name: string;
  /** What to consent to, one request each. */
  readonly give: readonly ScopedResource[];
  /** Withdraw the whole consent first. */
  readonly withdrawsFirst: boolean;
  /** The grants before a withdrawal, by this run or by an interrupted one. */
  readonly former?: readonly ScopedResource[];
  readonly already: readonly ScopedResource[];
  /** Resources of the profile that are consented with fewer scopes. They need a withdrawal. */
  readonly outdated: readonly ScopedResource[];
  /** Whether all grants are known, so that a withdrawal loses none. */
  readonly canRenew: boolean;
  /** Resources of the profile that the customer does not have. */
  readonly unavailable: readonly ScopedResource[];
}

/** Answers per resource, and the problem that ended the work in this customer, if one did. */
export interface GivenConsent {
  readonly answers: ReadonlyMap<ScopedResource, ConsentAnswer>;
  readonly ended: ConsentProblem | undefined;
  /** Whether Partner Center refuses the token, so that no further customer need be tried. */
  readonly isTokenRefused: boolean;
}

/**
 * Plans how a customer gets the consent that the profile asks for. Resources without any consent are added. Further scopes
 * of a resource need a withdrawal of everything ("GDAP FAQ"), which happens only with `renew`; then every existing grant is
 * given again, also those that the profile does not name. Pure.
 */
export function planConsent(
  { tenantId, name }: Pick<ConsentPlan, 'tenantId' | 'name'>,
  wanted: readonly ScopedResource[],
  consent: CustomerConsent,
  renew: boolean,
): ConsentPlan {
  const { missing, unavailable } = compareConsent(wanted, consent);
  const isPartial = ({ appId }: ScopedResource): boolean => scopesIn(consent.grants, appId).length > 0;
  const available = wanted.filter((each) => !unavailable.includes(each));
  const canRenew = consent.isComplete;
  const already = available.filter((each) => isGranted(consent, each));
  const plan = { tenantId, name, unavailable, canRenew, already };
  if (renew && canRenew && missing.some(isPartial)) {
    const give = mergeScopes(consent.grants, available);
    return { ...plan, give, withdrawsFirst: true, former: consent.grants, already: [], outdated: [] };
  }
  const give = missing.filter((each) => !isPartial(each));
  return { ...plan, give, withdrawsFirst: false, outdated: missing.filter(isPartial) };
}

/**
 * Whether nothing that an interrupted run may have withdrawn is missing, so that the customer is planned like any other: it
 * was interrupted before the withdrawal, or after everything was given again.
 */
export const isWhole = ({ before }: JournalEntry, consent: CustomerConsent | undefined): boolean =>
  consent !== undefined && before.every((each) => isGranted(consent, each));

/**
 * Plans to give what an interrupted run withdrew.
 * @param consent undefined if it cannot be read, or was withdrawn so recently that the directory may still show it.
 */
export function planResumption(entry: JournalEntry, consent: CustomerConsent | undefined): ConsentPlan {
  const { tenantId, name, before, after } = entry;
  const already = consent === undefined ? [] : after.filter((each) => isGranted(consent, each));
  const give = after.filter((each) => !already.includes(each));
  const former = { former: before, outdated: [], unavailable: [] };
  return { tenantId, name, give, withdrawsFirst: false, already, canRenew: true, ...former };
}

interface ConfirmDeps {
  readonly clock: Clock;
  readonly read: (tenantId: TenantId) => Promise<CustomerConsent>;
}

/** A consent is visible within a minute, as partners report, and takes effect everywhere after about three. */
export const propagationSeconds = 180;

const firstPauseMs = 1_000;
const longestPauseMs = 15_000;

/** The consent as it was last read, or why it could not be read. */
type ConfirmedConsent =
  | { readonly consent: CustomerConsent; readonly error?: undefined }
  | { readonly consent?: undefined; readonly error: BrokerError };

/** Reads the consent until it includes all of the resources, for at most {@link propagationSeconds}. */
export const confirmConsent = (
  deps: ConfirmDeps,
  tenantId: TenantId,
  resources: readonly ScopedResource[],
): Promise<ConfirmedConsent> =>
  readUntil(deps, tenantId, (consent) => resources.every((resource) => isGranted(consent, resource)));

/** Reads the consent until nothing is granted any more. */
export const confirmWithdrawal = (deps: ConfirmDeps, tenantId: TenantId): Promise<ConfirmedConsent> =>
  readUntil(deps, tenantId, ({ grants }) => grants.length === 0);

async function readUntil(
  { clock, read }: ConfirmDeps,
  tenantId: TenantId,
  isDone: (consent: CustomerConsent) => boolean,
): Promise<ConfirmedConsent> {
  const endMs = clock.nowMs() + propagationSeconds * 1000;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    // Until the consent has reached Entra, reading fails in several ways. None of them is final.
    const last = await read(tenantId).then(
      (consent): ConfirmedConsent => ({ consent }),
      (thrown: unknown): ConfirmedConsent => ({ error: toBrokerError(thrown) }),
    );
    if (last.consent !== undefined && isDone(last.consent)) return last;
    if (clock.nowMs() + pauseMs > endMs) return last;
    await clock.sleep(pauseMs);
  }
}

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

export interface ConsentResult extends Partial<ConsentProblem> {
  readonly tenantId: TenantId;
  /** `failed` if anything that the customer could consent to is missing. */
  readonly outcome: 'consented' | 'already' | 'failed';
  readonly resources: readonly ResourceResult[];
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

/** Judges every resource of an plan by the answers of Partner Center and by what the customer's directory shows. */
export function judgeConsent(
  { give, already, outdated, unavailable, canRenew }: ConsentPlan,
  { answers, ended }: GivenConsent,
  confirmed: ConfirmedConsent | undefined,
  application: string,
): readonly Judged[] {
  const renewal = ptbCommand('tenants consent --renew', application);
  const lacking: ConsentProblem = {
    code: 'consent_required',
    detail: `The consent lacks ${describeScopes(outdated)}.`,
    nextStep: canRenew
      ? `Run ${renewal}, which withdraws the consent and gives it again with these permissions.`
      : `Consent to the application default in this customer first: with it, ${renewal} reads all grants before it withdraws them.`,
  };
  return [
    ...give.map((resource): Judged => {
      const answer = answers.get(resource);
      return answer === undefined
        ? { resource, outcome: 'failed', problem: ended }
        : judgeResource(resource, answer, confirmed, application);
    }),
    ...already.map((resource): Judged => ({ resource, outcome: 'already' })),
    ...outdated.map((resource): Judged => ({ resource, outcome: 'outdated', problem: lacking })),
    ...unavailable.map((resource): Judged => ({ resource, outcome: 'unavailable' })),
  ];
}

function judgeResource(
  resource: ScopedResource,
  answer: ConsentAnswer,
  confirmed: ConfirmedConsent | undefined,
  application: string,
): Judged {
  const consent = confirmed?.consent;
  const refused = (): Judged => ({ resource, outcome: 'failed', problem: problemOf(answer, application) });
  if (consent !== undefined && isGranted(consent, resource))
    return { resource, outcome: answer.status === 409 ? 'already' : 'consented' };
  if (consent?.absent.has(resource.appId) && !isUnknown(answer)) return { resource, outcome: 'unavailable' };
  if (confirmed === undefined || (!isSuccess(answer) && answer.status !== 409)) return refused();
  if (answer.status === 409 && consent !== undefined) return refused();
  return { resource, outcome: 'unconfirmed', problem: unconfirmed(confirmed, application) };
}

function unconfirmed({ error }: ConfirmedConsent, application: string): ConsentProblem {
  const detail = 'Partner Center accepted the consent, but it could not be confirmed in the customer tenant';
  if (error === undefined) {
    const nextStep = 'Run the command again in a few minutes.';
    return { code: 'consent_required', detail: `${detail} within three minutes.`, nextStep };
  }
  const problem = readingProblem(error, application);
  return { ...problem, detail: `${detail}. ${problem.detail}` };
}

/** Sums up the resources of a customer. */
export function resultOf(
  { tenantId }: Pick<ConsentPlan, 'tenantId'>,
  { ended }: Pick<GivenConsent, 'ended'>,
  judged: readonly Judged[],
): ConsentResult {
  const resources = judged.map(({ resource, outcome, problem }): ResourceResult => {
    const { appId, name, scopes } = resource;
    return defined({ appId, resource: name, outcome, scopes, detail: problem?.detail });
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
  const isGiven = judged.some(({ outcome }) => outcome === 'consented');
  return { tenantId, outcome: isGiven ? 'consented' : 'already', resources };
}

const describeProblem = ({ resource, outcome, problem }: Judged): string =>
  outcome === 'outdated' ? (problem?.detail ?? '') : `${resource.name}: ${problem?.detail}`;
