import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Api } from './api.ts';
import type { Session } from './session.ts';

interface SignedIn {
  readonly api: Api;
  readonly session: Session;
  /** The application through which people sign in to the dashboard. Absent if that is not set up. */
  readonly signInClientId?: string;
  /** The command with which an administrator gives the person an app role. */
  readonly grantCommand?: (role: string) => string;
  /** Gets a new token, with the roles that the person has now. Absent for a pasted token. */
  readonly renew?: () => Promise<void>;
}

export const SignedInContext = createContext<SignedIn | undefined>(undefined);

/** @throws Error outside the signed-in part of the page. */
export function useSignedIn(): SignedIn {
  const value = useContext(SignedInContext);
  if (value === undefined) throw new Error('useSignedIn was called outside the signed-in part of the page');
  return value;
}

export const useRole = (role: string): boolean => useSignedIn().session.roles.includes(role);

/** The reader by the full name, and others with the reader's domain without it. Without a reader, names stay as they are. */
export function useOwnName(): (name: string) => string {
  const { name: reader, fullName } = useContext(SignedInContext)?.session ?? {};
  const [, domain] = reader?.split('@') ?? [];
  return (name) =>
    name === reader && fullName !== undefined
      ? fullName
      : domain !== undefined && name.endsWith(`@${domain}`)
        ? name.slice(0, -domain.length - 1)
        : name;
}

/** Whether the person may start a run of a job, or make a plan of one that changes tenants. */
export function useMayStart(): (job: { readonly changes?: true | undefined }) => boolean {
  const [mayStart, mayPlan] = [useRole('Runs.Write'), useRole('Changes.Plan')];
  return ({ changes }) => (changes === true ? mayPlan : mayStart);
}

/** Those who read runs, and those who may send requests, which read the runs of their own queries. */
export const runReaders = ['Runs.Read', 'Requests.Send'] as const;
