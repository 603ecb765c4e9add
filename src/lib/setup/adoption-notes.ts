import { registeredKeys } from '../credential/client-keys.ts';
import type { DirectoryState } from './directory-state.ts';

/**
 * What an operator should know before setup takes over an application that is there already: another broker, with
 * another vault, may be using it. Pure.
 */
export function adoptionNotes({ application, stored, mark }: DirectoryState): readonly string[] {
  if (application === undefined || application.clientId === stored?.clientId) return [];
  const { displayName, clientId, secrets, keyCredentials } = application;
  const others = registeredKeys([...secrets, ...keyCredentials], mark).filter(({ ours }) => !ours);
  if (others.length === 0) return [];
  return [
    `The application "${displayName}" (client id ${clientId}) is there already, with client credentials of a broker that this vault does not hold (${others.length}). They are left as they are. If that broker is another one, choose an application of its own for this one with --display-name; if it is gone, remove them in Entra.`,
  ];
}
