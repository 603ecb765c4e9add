import { registeredKeys } from '../credential/client-keys.ts';
import type { DirectoryState } from './directory-state.ts';

/**
 * Warnings before setup takes over an existing application, which another broker with another vault may be using. Pure.
 */
export function adoptionNotes({ application, stored, mark }: DirectoryState): readonly string[] {
  if (application === undefined || application.clientId === stored?.clientId) return [];
  const { displayName, clientId, secrets, keyCredentials } = application;
  const others = registeredKeys([...secrets, ...keyCredentials], mark).filter(({ ours }) => !ours);
  if (others.length === 0) return [];
  return [
    `The application "${displayName}" (client id ${clientId}) exists already and has client credentials that this vault does not hold (${others.length}). Setup does not change them. If another broker uses them, give this broker its own application with --display-name. If not, remove them in Entra.`,
  ];
}
