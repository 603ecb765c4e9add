import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from 'jose';
import type { World } from '../world.ts';

/** Azure marks the tokens of managed identities with this claim. */
export const managedIdentityClaim = 'xms_mirid';

/**
 * Returns the claims of a token that this Entra issued and that has not expired. Does not check audience or permissions.
 * Tokens of managed identities follow the base clock: the Azure SDKs that hold them do not see the cloud's clock move.
 */
export async function verifyAccessToken(world: World, token: string): Promise<JWTPayload | 'expired' | 'invalid'> {
  try {
    const key = world.keys.publicKeyOf(decodeProtectedHeader(token).kid ?? '');
    if (key === undefined) return 'invalid';
    const followsBaseClock = decodeJwt(token)[managedIdentityClaim] !== undefined;
    const nowMs = world.clock.nowMs() - (followsBaseClock ? world.clock.aheadMs : 0);
    const { payload } = await jwtVerify(token, key, {
      algorithms: ['RS256'],
      currentDate: new Date(nowMs),
      clockTolerance: 5,
    });
    return payload;
  } catch (error) {
    return error instanceof errors.JWTExpired ? 'expired' : 'invalid';
  }
}
