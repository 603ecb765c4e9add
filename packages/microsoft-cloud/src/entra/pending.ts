import { createHash, randomBytes, randomInt } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { Refusal } from './refusal.ts';
import type { SignIn } from './sign-ins.ts';

/** Sign-ins that a client has started and not yet collected. */
export interface PendingSignIns {
  readonly codes: AuthorizationCodes;
  readonly devices: DeviceRequests;
}

export const createPendingSignIns = (clock: Clock): PendingSignIns => ({
  codes: createAuthorizationCodes(clock),
  devices: createDeviceRequests(clock),
});

interface CodeRecord {
  readonly signIn: SignIn;
  readonly redirectUri: string;
  /** Tenant of the sign-in. */
  readonly tenantId: string;
  readonly scope: string;
  readonly nonce: string | undefined;
  readonly challenge: string | undefined;
  readonly challengeMethod: string;
  readonly issuedMs: number;
  isRedeemed: boolean;
}

type NewCode = Omit<CodeRecord, 'issuedMs' | 'isRedeemed'>;

/** Source: "Microsoft identity platform and OAuth 2.0 authorization code flow": codes live about 10 minutes. */
const codeLifetimeMs = 10 * 60 * 1000;

interface CodeRedemption {
  readonly code: string | null;
  readonly clientId: string;
  readonly tenantId: string;
  readonly redirectUri: string | null;
  readonly verifier: string | null;
}

interface AuthorizationCodes {
  issue(code: NewCode): string;
  /**
   * @throws Refusal AADSTS900144 missing, 9002313 unknown, 54005 used before, 70008 expired, 70000 for another client,
   *   700005 for another tenant, 50011 for another redirect address, 501481 for a wrong verifier.
   */
  redeem(redemption: CodeRedemption): NewCode;
}

function createAuthorizationCodes(clock: Clock): AuthorizationCodes {
  const records = new Map<string, CodeRecord>();
  return {
    issue: (code) => {
      const value = `1.A${randomBytes(60).toString('base64url')}`;
      records.set(value, { ...code, issuedMs: clock.nowMs(), isRedeemed: false });
      return value;
    },
    redeem: ({ code, clientId, tenantId, redirectUri, verifier }) => {
      if (code === null || code === '') throw new Refusal(900144, { field: 'code' });
      const record = records.get(code);
      if (record === undefined) throw new Refusal(9002313, {}, 'invalid_grant');
      if (record.isRedeemed) throw new Refusal(54005);
      if (clock.nowMs() - record.issuedMs > codeLifetimeMs) throw new Refusal(70008);
      if (record.signIn.clientId !== clientId) throw new Refusal(70000);
      if (record.tenantId !== tenantId) throw new Refusal(700005);
      if (redirectUri !== record.redirectUri)
        throw new Refusal(50011, { redirect: redirectUri ?? '', client: clientId }, 'invalid_grant');
      if (record.challenge !== undefined && !isVerified(record.challenge, record.challengeMethod, verifier)) {
        throw new Refusal(501481);
      }
      record.isRedeemed = true;
      return record;
    },
  };
}

/** RFC 7636 section 4.6. */
function isVerified(challenge: string, method: string, verifier: string | null): boolean {
  if (verifier === null) return false;
  return challenge === (method === 'plain' ? verifier : createHash('sha256').update(verifier).digest('base64url'));
}

interface DeviceRequest {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly clientId: string;
  /** The scope of version 2.0, the resource of version 1.0. */
  readonly scope: string;
  readonly version: 1 | 2;
  readonly expiresMs: number;
  lastPollMs: number;
  outcome: SignIn | 'pending' | 'declined';
}

/** Source: "OAuth 2.0 device authorization grant flow": 15 minutes. */
export const deviceCodeLifetimeSeconds = 15 * 60;

interface DeviceRequests {
  begin(device: Pick<DeviceRequest, 'clientId' | 'scope' | 'version'>): DeviceRequest;
  /** Finds a request that has not expired. */
  findByUserCode(userCode: string): DeviceRequest | undefined;
  /** @throws Refusal AADSTS900144 missing, 70016 pending or polled too fast, 70022 declined, 70020 expired or unknown. */
  poll(deviceCode: string | null, clientId: string, intervalMs: number): DeviceRequest & { readonly outcome: SignIn };
}

// Without vowels, which could form words, and without characters that look alike.
const userCodeLetters = 'BCDFGHJKLMNPQRSTVWXZ23456789';

function createDeviceRequests(clock: Clock): DeviceRequests {
  const requests = new Map<string, DeviceRequest>();
  return {
    begin: (device) => {
      const request: DeviceRequest = {
        ...device,
        deviceCode: `1A${randomBytes(80).toString('base64url')}`,
        userCode: Array.from({ length: 9 }, () => userCodeLetters[randomInt(userCodeLetters.length)]).join(''),
        expiresMs: clock.nowMs() + deviceCodeLifetimeSeconds * 1000,
        lastPollMs: Number.NEGATIVE_INFINITY,
        outcome: 'pending',
      };
      requests.set(request.deviceCode, request);
      return request;
    },
    findByUserCode: (userCode) =>
      [...requests.values()].find(
        (request) => request.userCode === userCode.trim().toUpperCase() && request.expiresMs > clock.nowMs(),
      ),
    poll: (deviceCode, clientId, intervalMs) => {
      if (deviceCode === null || deviceCode === '') throw new Refusal(900144, { field: 'device_code' });
      const request = requests.get(deviceCode);
      const nowMs = clock.nowMs();
      if (request === undefined || request.clientId !== clientId) throw new Refusal(70020, {}, 'bad_verification_code');
      if (request.expiresMs <= nowMs) throw new Refusal(70020);
      if (request.outcome === 'declined') throw new Refusal(70022);
      if (request.outcome === 'pending') {
        const isTooFast = nowMs - request.lastPollMs < intervalMs / 2;
        request.lastPollMs = nowMs;
        throw new Refusal(70016, {}, isTooFast ? 'slow_down' : undefined);
      }
      requests.delete(deviceCode);
      return { ...request, outcome: request.outcome };
    },
  };
}
