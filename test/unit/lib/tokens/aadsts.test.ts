import { beforeEach, describe, expect, it } from 'vitest';
import type { TokenBroker } from '../../../../src/lib/tokens/broker.ts';
import { judgeTokenReply } from '../../../../src/lib/microsoft/token-reply.ts';
import type { ErrorCode } from '../../../../src/lib/core/error-table.ts';
import type { FakeClock } from '../../../fakes/fake-clock.ts';
import type { FakeRedeemer } from '../../../fakes/fake-redeemer.ts';
import { outcomeOf, partner, request, startBroker, tenant } from './stage.ts';

interface Reported {
  readonly aadsts: number;
  /** `error` of the reply. */
  readonly error: string;
  readonly text?: string;
  /** The code if only one customer's tenant answers so. */
  readonly there: ErrorCode;
  /** The code if the partner's own tenant answers so, too. */
  readonly everywhere: ErrorCode;
  /** The cause and the next step that the detail names. */
  readonly detail: RegExp;
}

const row = (
  aadsts: number,
  error: string,
  [there, everywhere]: readonly [ErrorCode, ErrorCode],
  detail: RegExp,
  text = 'text',
): Reported => ({ aadsts, error, there, everywhere, detail, text });

const requestIsWrong = ['entra_request_rejected', 'entra_request_rejected'] as const;
const token = ['interaction_required', 'credential_revoked'] as const;
const client = ['entra_unavailable', 'client_credential_rejected'] as const;
const policy = ['blocked_by_policy', 'credential_revoked'] as const;
const consent = ['consent_required', 'consent_required'] as const;
const notDelegated = ['tenant_not_delegated', 'tenant_not_delegated'] as const;

const reported: readonly Reported[] = [
  // The request
  row(650053, 'invalid_client', requestIsWrong, /scope that the resource does not have; correct the permissions/),
  row(650054, 'invalid_client', requestIsWrong, /resource that was removed; remove it/),
  row(
    650051,
    'invalid_client',
    requestIsWrong,
    /permission that does not exist; correct/,
    'Claim is invalid: Users.Read',
  ),
  row(9002313, 'invalid_request', requestIsWrong, /missing or malformed/),
  row(28000, 'invalid_scope', requestIsWrong, /more than one resource/),
  row(1002012, 'invalid_scope', requestIsWrong, /all its permissions/),
  row(700023, 'invalid_scope', requestIsWrong, /names no resource/),
  row(65002, 'invalid_grant', requestIsWrong, /application of Microsoft.*use an application of your own/),
  row(90009, 'invalid_request', requestIsWrong, /token for itself; its identifier must be its client id/),
  row(7000114, 'invalid_grant', requestIsWrong, /may not exchange/),
  row(700005, 'invalid_grant', requestIsWrong, /another tenant; sign in to the partner tenant/),
  row(50011, 'invalid_request', requestIsWrong, /redirect URI is not registered/),
  // The refresh token and its account
  row(9002313, 'invalid_grant', token, /refresh token is malformed; consent again/),
  row(700007, 'invalid_grant', token, /another application.*consent again/),
  row(135011, 'invalid_grant', token, /device that is now disabled; sign in from a browser/),
  row(130007, 'invalid_grant', token, /device that is now disabled/),
  row(50135, 'invalid_grant', token, /risk in the partner tenant/),
  row(
    9002327,
    'invalid_request',
    ['interaction_required', 'credential_expired'],
    /single-page.*register.*web platform/,
  ),
  row(70043, 'invalid_grant', token, /sign-in frequency policy.*excludes the service account/),
  row(70044, 'invalid_grant', token, /sign-in frequency policy/),
  row(70046, 'invalid_grant', token, /sign-in frequency policy/),
  // The client credential
  row(700023, 'invalid_client', client, /audience of the assertion/),
  row(700030, 'invalid_client', client, /subject name of the certificate/),
  row(7000214, 'invalid_client', client, /certificate has been revoked/),
  // Policies
  row(530084, 'invalid_grant', policy, /token protection/),
  row(53003, 'access_denied', policy, /Conditional Access policy blocks/),
  row(50097, 'invalid_grant', policy, /registered or compliant device/),
  row(50129, 'invalid_grant', policy, /registered or compliant device/),
  row(53002, 'invalid_grant', policy, /approved client applications/),
  row(530031, 'invalid_grant', policy, /Conditional Access policy blocks/),
  row(530033, 'invalid_grant', policy, /device code flow; sign in from a browser/),
  row(53004, 'invalid_grant', token, /must register for MFA/),
  row(53010, 'invalid_grant', token, /must register for MFA/),
  // The application or the account in the customer's tenant
  row(90095, 'invalid_grant', consent, /no consent in this tenant/),
  row(650051, 'invalid_client', consent, /consent again in half a minute/, 'service principal name is already present'),
  row(501051, 'invalid_grant', consent, /assign the application to one of its roles/),
  row(
    700016,
    'unauthorized_client',
    ['consent_required', 'client_credential_rejected'],
    /nobody consented.*or it was deleted/,
  ),
  row(1000031, 'unauthorized_client', ['consent_required', 'client_credential_rejected'], /disabled in this tenant/),
  row(500571, 'invalid_grant', notDelegated, /guest.*delete the guest account/),
  row(50014, 'invalid_grant', notDelegated, /guest.*delete the guest account/),
  row(16000, 'interaction_required', ['tenant_not_delegated', 'credential_revoked'], /does not exist in this tenant/),
  row(
    500014,
    'invalid_resource',
    ['resource_unavailable', 'resource_unavailable'],
    /lapsed, or its administrator disabled/,
  ),
];

let clock: FakeClock;
let redeemer: FakeRedeemer;
let broker: TokenBroker;

beforeEach(async () => {
  ({ clock, redeemer, broker } = await startBroker());
});

/** What the real judge makes of the body that Entra sends. */
const replyFor = ({ aadsts, error, text }: Reported) =>
  judgeTokenReply(
    {
      status: error === 'invalid_client' ? 401 : 400,
      headers: new Headers(),
      body: JSON.stringify({
        error,
        error_description: `AADSTS${aadsts}: ${text}\r\nTrace ID: t`,
        error_codes: [aadsts],
      }),
    },
    clock.nowMs(),
  );

const name = ({ aadsts, error, text }: Reported): string => `AADSTS${aadsts} ${error} "${text}"`;

describe('TokenBroker for a number of Entra', () => {
  it.each(reported.map((each) => [name(each), each] as const))(
    'fails only the tenant that answers %s',
    async (_, each) => {
      redeemer.script = ({ tenantId }) => (tenantId === tenant(1) ? replyFor(each) : undefined);
      const failure = await broker.getToken(request(1)).catch((thrown: unknown) => thrown);
      expect(failure).toMatchObject({ code: each.there });
      expect((failure as { scope: string }).scope).not.toBe('credential');
      expect((failure as { detail: string }).detail).toMatch(each.detail);
      expect(await outcomeOf(broker.getToken(request(2)))).toBe('no error');
      expect(broker.credentialFailure('default')).toBeUndefined();
    },
  );

  it.each(reported.map((each) => [name(each), each] as const))(
    "judges the credential when the partner's own tenant answers %s as well",
    async (_, each) => {
      redeemer.script = () => replyFor(each);
      const aboutCredential = /^credential_|^client_/.test(each.everywhere);
      const first = await outcomeOf(broker.getToken(request(1)));
      expect(first).toMatchObject({ code: each.everywhere });
      expect(broker.credentialFailure('default')?.code).toBe(aboutCredential ? each.everywhere : undefined);
      const { length } = redeemer.sent;
      expect(await outcomeOf(broker.getToken(request(2)))).toMatchObject({ code: each.everywhere });
      // A dead credential is not tried in further tenants. Any other failure says nothing about them.
      const tried = redeemer.sent.slice(length).some(({ tenantId }) => tenantId === tenant(2));
      expect(tried).toBe(!aboutCredential);
    },
  );

  it('does not ask the partner tenant about a failure of the request or of one tenant', async () => {
    const quiet = reported.filter(({ there, everywhere }) => there === everywhere);
    for (const [index, each] of quiet.entries()) {
      redeemer.script = () => replyFor(each);
      await outcomeOf(broker.getToken(request(index + 1)));
    }
    expect(redeemer.sent.filter(({ tenantId }) => tenantId === partner)).toEqual([]);
    expect(quiet.length).toBeGreaterThan(10);
  });
});
