import { type ComponentChildren, createContext } from 'preact';
import { useContext, useMemo } from 'preact/hooks';
import { SignedInContext } from './context.ts';
import { readPages } from './paging.ts';
import type { PlanSummary } from './plan-words.ts';
import { type Polled, usePolling } from './polling.ts';
import type { ApprovalsAnswer } from '../../src/lib/api/answers/approvals.ts';
import type { ApprovalStatus } from '../../src/lib/approvals/approval.ts';
import type { Api } from './api.ts';
import type { ApprovalsFilter } from './view-filter.ts';

const intervalMs = 15_000;

interface WaitingRequests {
  /** Those that the person may approve or deny now. The next to lapse comes first. */
  readonly requests: readonly ApprovalSummary[];
  /** False if there may be more. */
  readonly isAll: boolean;
  /** All that wait for a decision, whether of this person or of others. */
  readonly polled: Polled<ApprovalList | undefined>;
}

/** Undefined for a person who cannot decide. */
export const WaitingContext = createContext<WaitingRequests | undefined>(undefined);

/** Plans whose apply waits for a person. Empty for somebody who cannot let it go on. */
export const HeldPlansContext = createContext<readonly PlanSummary[]>([]);

/** Knows what waits for the decision of the person, for the navigation and for the lists. */
export function Waiting({ children }: { readonly children: ComponentChildren }) {
  const signedIn = useContext(SignedInContext);
  const api = signedIn?.session.roles.includes('Approvals.Decide') === true ? signedIn.api : undefined;
  const load = async (): Promise<ApprovalList | undefined> => (api === undefined ? undefined : readApprovals(api, {}));
  const polled = usePolling(load, `waiting ${signedIn?.session.name}`, api === undefined ? undefined : intervalMs);
  const applies = ['Runs.Read', 'Changes.Apply'].every((role) => signedIn?.session.roles.includes(role) === true);
  const plans = usePolling(
    async (from) => (applies ? (await from.plans()).plans : []),
    `plans that wait ${signedIn?.session.name}`,
    applies ? intervalMs : undefined,
  ).value;
  const held = useMemo(() => (plans ?? []).filter(({ apply }) => apply?.waits === true), [plans]);
  const { approvals = [], isAll = true } = polled.value ?? {};
  const requests = approvals
    .filter(mayDecide)
    .toSorted((one, other) => Date.parse(one.expiresAt) - Date.parse(other.expiresAt));
  return (
    <WaitingContext.Provider value={api === undefined ? undefined : { requests, isAll, polled }}>
      <HeldPlansContext.Provider value={held}>{children}</HeldPlansContext.Provider>
    </WaitingContext.Provider>
  );
}

export type ApprovalSummary = ApprovalsAnswer['approvals'][number];

/** Approvals from several pages. */
export interface ApprovalList {
  /** Newest first. */
  readonly approvals: readonly ApprovalSummary[];
  /** Whether there are no others. */
  readonly isAll: boolean;
}

const statuses: Readonly<Record<string, ApprovalStatus>> = { waiting: 'pending', valid: 'approved' };

/** That a page has, and that are enough: 100 requests of one caller may wait. */
const pageSize = 100;

/** The newest approvals that a filter lets through. @param most pages that are read. @throws ApiFailure */
export async function readApprovals(api: Api, { show, mine }: ApprovalsFilter, most?: number): Promise<ApprovalList> {
  const status = statuses[show ?? 'waiting'];
  const wanted = ({ approvals }: ApprovalsAnswer) =>
    approvals.filter((approval) => status !== undefined || isClosed(approval));
  let found = 0;
  const pages = await readPages<ApprovalsAnswer>({
    read: (continuation) => api.approvals({ status, mine, limit: String(pageSize), continuation }),
    isEnough: (page) => (found += wanted(page).length) >= pageSize,
    ...(most === undefined ? {} : { most }),
  });
  return { approvals: pages.flatMap(wanted), isAll: pages.at(-1)?.continuation === undefined };
}

/** Whether the person may approve or deny it now. Who may do one may do the other. */
const mayDecide = ({ possibleDecisions }: ApprovalSummary): boolean => possibleDecisions.includes('deny');

export const isClosed = ({ status }: Pick<ApprovalSummary, 'status'>): boolean =>
  status !== 'pending' && status !== 'approved';
