import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Api } from './api.ts';
import type { Session } from './session.ts';

interface SignedIn {
  readonly api: Api;
  readonly session: Session;
}

export const SignedInContext = createContext<SignedIn | undefined>(undefined);

/** @throws Error outside the signed-in part of the page. */
export function useSignedIn(): SignedIn {
  const value = useContext(SignedInContext);
  if (value === undefined) throw new Error('useSignedIn was called outside the signed-in part of the page');
  return value;
}

export const useRole = (role: string): boolean => useSignedIn().session.roles.includes(role);
