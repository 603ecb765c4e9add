import { type ComponentChildren, createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { type ApprovalList, readApprovals } from './approval-pages.ts';
import { SignedInContext } from './context.ts';
import { type Polled, usePolling } from './polling.ts';

const intervalMs = 15_000;

interface WaitingRequests {
  /** Requests that the person may approve or deny now. */
  readonly count: number;
  /** False if there may be more. */
  readonly isAll: boolean;
  /** All that wait for a decision, whether of this person or of others. */
  readonly polled: Polled<ApprovalList | undefined>;
}

/** Undefined for a person who cannot decide. */
export const WaitingContext = createContext<WaitingRequests | undefined>(undefined);

/** Knows what waits for the decision of the person, for the navigation and for the list. */
export function Waiting({ children }: { readonly children: ComponentChildren }) {
  const signedIn = useContext(SignedInContext);
  const api = signedIn?.session.roles.includes('Approvals.Decide') === true ? signedIn.api : undefined;
  const load = async (): Promise<ApprovalList | undefined> => (api === undefined ? undefined : readApprovals(api, {}));
  const polled = usePolling(load, `waiting ${signedIn?.session.name}`, api === undefined ? undefined : intervalMs);
  const { approvals = [], isAll = true } = polled.value ?? {};
  const count = approvals.filter(({ possibleDecisions }) => possibleDecisions.includes('deny')).length;
  return (
    <WaitingContext.Provider value={api === undefined ? undefined : { count, isAll, polled }}>
      {children}
    </WaitingContext.Provider>
  );
}
