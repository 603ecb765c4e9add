import { minuteMs } from '../../lib/core/durations.ts';
import { toBrokerError } from '../../lib/core/errors.ts';
import { isoTime } from '../../lib/core/clock.ts';
import type { RevokeDeps } from './revoke-state.ts';

/** Access tokens are valid for 60 to 90 minutes and cannot be revoked ("Access tokens", token lifetime). */
export const longestAccessTokenMs = 90 * minuteMs;

/** Names the other applications in the vault, whose versions the revocation does not disable. */
export async function otherApplications(
  { store, inventory }: Pick<RevokeDeps, 'store' | 'inventory'>,
  application: string,
): Promise<readonly string[]> {
  const clientIdsOf = async (name: string): Promise<readonly string[]> =>
    (await inventory.read(name)).client.flatMap(({ clientId }) => clientId ?? []);
  try {
    const others = (await store.listApplications()).filter((name) => name !== application);
    const own = others.length === 0 ? [] : await clientIdsOf(application);
    return await Promise.all(
      others.map(async (name) => {
        const isShared = (await clientIdsOf(name)).some((id) => own.includes(id));
        const effect = isShared
          ? 'has the same client id, so its client credential does not work any more either. Its versions stay enabled in Key Vault.'
          : 'keeps its client credential and its versions in Key Vault.';
        return `The application ${name} ${effect} To revoke them: ptb revoke --application ${name}`;
      }),
    );
  } catch (thrown) {
    return [`The other applications in the vault could not be listed: ${toBrokerError(thrown).detail}`];
  }
}

/** Lists what remains usable after a revocation, and until when, because it cannot be revoked. */
export function stillUsable(nowMs: number, rereadSeconds: number): readonly string[] {
  const until = isoTime(nowMs + longestAccessTokenMs);
  return [
    `Access tokens that were issued earlier work until they expire, at the latest at ${until}. Entra cannot revoke them.`,
    `Running instances hold the old credential in memory for up to ${Math.ceil(rereadSeconds / 60)} minutes, but Entra rejects it.`,
    `Tokens of callers for the broker work until ${until}. Remove the rules from the access policy to stop the callers within 30 seconds.`,
    'Backups of the vault keep the old values, which are useless once the sessions and client credentials are revoked.',
  ];
}
