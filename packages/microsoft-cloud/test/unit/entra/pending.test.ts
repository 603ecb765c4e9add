import { expect, it } from 'vitest';
import { createPendingSignIns } from '../../../src/entra/pending.ts';
import type { SignIn } from '../../../src/entra/sign-ins.ts';

const signIn = { clientId: 'a client' } as SignIn;
const refusalOf = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return (error as { aadsts?: number }).aadsts;
  }
};

it('a device code works once', () => {
  const { devices } = createPendingSignIns({ nowMs: () => 0 });
  const device = devices.begin({ clientId: 'a client', scope: 'openid', version: 2 });
  device.outcome = signIn;
  const poll = () => devices.poll(device.deviceCode, 'a client', 5_000);
  expect(poll()).toMatchObject({ outcome: signIn });
  expect(refusalOf(poll)).toBe(70020);
  expect(devices.findByUserCode(device.userCode)).toBeUndefined();
});

it('an authorization code works once', () => {
  const { codes } = createPendingSignIns({ nowMs: () => 0 });
  const asked = { signIn, redirectUri: 'http://localhost', tenantId: 'a tenant', scope: 'openid' };
  const code = codes.issue({ ...asked, nonce: undefined, challenge: undefined, challengeMethod: 'S256' });
  const redemption = { code, clientId: 'a client', tenantId: 'a tenant', redirectUri: 'http://localhost' };
  const redeem = () => codes.redeem({ ...redemption, verifier: null });
  expect(redeem()).toMatchObject(asked);
  expect(refusalOf(redeem)).toBe(54005);
});
