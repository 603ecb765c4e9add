import { readClaims } from '../../lib/microsoft/token-reply.ts';
import type { Secret } from '../../lib/core/secrets.ts';
import { CommandFailure } from '../command-failure.ts';
import { isLoopback } from '../remote/loopback.ts';
import type { KeptSignIn } from './sign-in-files.ts';

/** The sign-in that a server names. */
interface Named {
  readonly url: string;
  readonly scope: string;
}

/**
 * Refuses a scope that a sign-in to another address is kept for: a server that names the scope of somebody else's broker
 * would be sent tokens for that broker.
 * @throws CommandFailure resource_error.
 */
export function refuseScopeOfOther(kept: readonly KeptSignIn[], { url, scope }: Named): void {
  // Entra compares scopes without regard to case.
  const wanted = scope.toLowerCase();
  refuseIf(
    kept.find((each) => each.scope.toLowerCase() === wanted && isOther(each.url, url)),
    url,
  );
}

/**
 * Refuses a token of the application that a token for another address is for. An application may have several scopes
 * with the same meaning, so the comparison of scopes does not suffice.
 * @throws CommandFailure resource_error.
 */
export function refuseTokenOfOther(kept: readonly KeptSignIn[], url: string, token: Secret): void {
  const { audience } = readClaims(token.reveal());
  refuseIf(
    kept.find(
      (each) => audience !== undefined && readClaims(each.accessToken).audience === audience && isOther(each.url, url),
    ),
    url,
  );
}

/** A demo listens on another port each time, and the applications of its simulated cloud may be the same. */
const isOther = (kept: string, url: string): boolean => kept !== url && !(isLoopback(kept) && isLoopback(url));

function refuseIf(other: KeptSignIn | undefined, url: string): void {
  if (other === undefined) return;
  throw new CommandFailure(
    'resource_error',
    `The server at ${url} names the application of the broker at ${other.url}, so it would get your tokens for that broker.`,
    `If both addresses are of one broker, run \`ptb logout --url ${other.url}\` and sign in again. Otherwise do not sign in: check BROKER_URL (or --url).`,
  );
}
