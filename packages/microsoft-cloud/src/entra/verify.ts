import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from 'jose';
import type { World } from '../world.ts';

/** Marks the tokens of managed identities, as Azure does. */
export const managedIdentityClaim = 'xms_mirid';

/**
 * The claims of a token that this Entra issued and that has not expired. Audience and permissions are the caller's to
 * judge. Tokens of managed identities live by the wall clock: their holders, the Azure SDKs, cannot be set forward.
 */
export async function verifyAccessToken(world: World, token: string): Promise<JWTPayload | 'expired' | 'invalid'> {
  try {
    const key = world.keys.publicKeyOf(decodeProtectedHeader(token).kid ?? '');
    if (key === undefined) return 'invalid';
    const onWallClock = decodeJwt(token)[managedIdentityClaim] !== undefined;
    const nowMs = world.clock.nowMs() - (onWallClock ? world.clock.aheadMs : 0);
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
