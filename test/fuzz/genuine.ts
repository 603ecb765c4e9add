/** Replies in the shapes that Microsoft documents, with secrets that must not leak. */
import type { GenuineReply } from './mutate.ts';

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export const tenantId = '7c4f7d9a-5a3e-4a44-9a53-0f6a2f1f9b11';
export const partnerTenantId = '0d6a3a2e-3f61-4c0e-8b0d-8a1f4a7f5c22';

/** A value with the structure of an Entra token. */
export const accessToken = `${encode({ typ: 'JWT', alg: 'RS256', kid: 'k' })}.${encode({
  aud: 'https://graph.microsoft.com',
  iss: `https://sts.windows.net/${tenantId}/`,
  tid: tenantId,
  oid: '1f2e3d4c-0000-4000-8000-000000000001',
  upn: 'broker@partner.example',
  appid: '11111111-1111-4111-8111-111111111111',
  amr: ['pwd', 'mfa'],
  scp: 'User.Read.All Directory.Read.All',
  exp: 1_795_000_000,
})}.${'c2lnbmF0dXJl'.repeat(28)}`;
export const refreshToken = `1.AXkA${'R3fr3shT0kenCanary'.repeat(30)}.QQ`;
export const clientSecret = 'canary~client~secret~8Q2vWq3x';

/** Values that must not appear in an error, an answer or a log line. */
export const canaries: readonly string[] = [
  accessToken,
  refreshToken,
  clientSecret,
  'R3fr3shT0kenCanary',
  'c2lnbmF0dXJlc2lnbmF0dXJl',
];

const refusal = (error: string, aadsts: number, more: object = {}): GenuineReply => ({
  status: error === 'invalid_client' ? 401 : 400,
  body: {
    error,
    error_description: `AADSTS${aadsts}: It was refused. Trace ID: 5c3f Correlation ID: 77aa Timestamp: 2026-11-24 00:00:00Z`,
    error_codes: [aadsts],
    timestamp: '2026-11-24 00:00:00Z',
    trace_id: '5c3f0000-0000-4000-8000-000000000000',
    correlation_id: '77aa0000-0000-4000-8000-000000000000',
    error_uri: `https://login.microsoftonline.com/error?code=${aadsts}`,
    ...more,
  },
});

export const entraReplies: readonly GenuineReply[] = [
  {
    status: 200,
    body: {
      token_type: 'Bearer',
      scope: 'https://graph.microsoft.com/User.Read.All https://graph.microsoft.com/Directory.Read.All',
      expires_in: 4_519,
      ext_expires_in: 4_519,
      access_token: accessToken,
      refresh_token: refreshToken,
      foci: '1',
      id_token: accessToken,
    },
  },
  {
    status: 200,
    body: {
      token_type: 'Bearer',
      expires_in: '3599',
      expires_on: '1795000000',
      resource: 'https://graph.windows.net',
      access_token: accessToken,
      refresh_token: refreshToken,
    },
  },
  refusal('invalid_grant', 65001, { suberror: 'consent_required' }),
  refusal('invalid_grant', 50173),
  refusal('invalid_client', 7000215),
  refusal('interaction_required', 50076, { claims: '{"access_token":{"capolids":{"essential":true}}}' }),
  refusal('temporarily_unavailable', 90033),
  // A reply that echoes the request, as some proxies do.
  {
    status: 400,
    body: {
      error: 'invalid_grant',
      error_description: `AADSTS9002313: refresh_token=${refreshToken}&client_secret=${clientSecret}`,
      error_codes: [9002313],
    },
  },
];

const relationship = {
  id: `${partnerTenantId}-3fb0`,
  displayName: 'Contoso GDAP',
  status: 'active',
  endDateTime: '2028-11-24T00:00:00Z',
  autoExtendDuration: 'P180D',
  customer: { tenantId, displayName: 'Contoso' },
};

export const graphReplies: readonly GenuineReply[] = [
  {
    status: 200,
    body: {
      '@odata.context': 'https://graph.microsoft.com/v1.0/$metadata#tenantRelationships/delegatedAdminRelationships',
      '@odata.nextLink':
        'https://graph.microsoft.com/v1.0/tenantRelationships/delegatedAdminRelationships?$skiptoken=2',
      value: [relationship, { ...relationship, status: 'terminated' }],
    },
  },
  { status: 200, body: { value: [relationship] } },
  {
    status: 200,
    body: {
      value: [
        {
          customerId: tenantId,
          defaultDomainName: 'contoso.com',
          displayName: 'Contoso',
          contractType: 'ResellerPartnerContract',
        },
      ],
    },
  },
  {
    status: 200,
    body: {
      value: [
        {
          skuId: '6fd2c87f-b296-42f0-b197-1e91e994b900',
          skuPartNumber: 'ENTERPRISEPACK',
          capabilityStatus: 'Enabled',
          consumedUnits: 14,
          prepaidUnits: { enabled: 25, suspended: 0, warning: 0 },
        },
      ],
    },
  },
  {
    status: 200,
    body: {
      responses: [
        { id: '1', status: 200, headers: {}, body: { id: 'a' } },
        { id: '2', status: 429, headers: { 'Retry-After': '1' }, body: {} },
      ],
    },
  },
  {
    status: 403,
    body: {
      error: {
        code: 'Authorization_RequestDenied',
        message: 'Insufficient privileges to complete the operation.',
        innerError: { date: '2026-11-24' },
      },
    },
  },
  {
    status: 401,
    body: {
      error: { code: 'InvalidAuthenticationToken', message: `Access token validation failure: Bearer ${accessToken}` },
    },
  },
  { status: 429, body: { error: { code: 'TooManyRequests', message: 'Too many requests' } } },
];

export const partnerCenterReplies: readonly GenuineReply[] = [
  {
    status: 200,
    body: {
      totalCount: 2,
      items: [
        {
          id: tenantId,
          relationshipToPartner: 'reseller',
          companyProfile: { tenantId, domain: 'contoso.com', companyName: 'Contoso' },
        },
        {
          id: '3ad4a1d6-1111-4222-8333-444455556666',
          companyProfile: { domain: 'fabrikam.com', companyName: 'Fabrikam' },
        },
      ],
      links: {
        self: { uri: '/customers?size=500', method: 'GET', headers: [] },
        next: {
          uri: '/customers?size=500&seekOperation=Next',
          method: 'GET',
          headers: [{ key: 'MS-ContinuationToken', value: 'abc' }],
        },
      },
      attributes: { objectType: 'PagedResourceCollection' },
    },
  },
  { status: 200, body: { totalCount: 0, items: [] } },
  { status: 401, body: { code: 900420, description: 'MFA required', data: [], source: 'PartnerCenter' } },
  { status: 429, body: { statusCode: 429, message: 'Rate limit is exceeded. Try again in 1 seconds.' } },
];

const secretBundle = (name: string, value: string, tags: Readonly<Record<string, string>>): GenuineReply => ({
  status: 200,
  body: {
    value,
    id: `https://vault.example/secrets/${name}/4387e9f3d6e14c459867679a90fd0f79`,
    contentType: 'client-secret',
    attributes: {
      enabled: true,
      created: 1_790_000_000,
      updated: 1_790_000_000,
      exp: 1_800_000_000,
      recoveryLevel: 'Recoverable',
    },
    tags,
  },
});

export const keyVaultReplies: readonly GenuineReply[] = [
  secretBundle('ptb-default-client-credential', clientSecret, {
    application: 'default',
    clientId: '11111111-1111-4111-8111-111111111111',
    tenantId: partnerTenantId,
    kind: 'secret',
  }),
  secretBundle('ptb-default-refresh-token', refreshToken, {
    application: 'default',
    account: 'broker@partner.example',
    obtainedAt: '2026-11-01T00:00:00.000Z',
    mfa: 'true',
  }),
  {
    status: 404,
    body: { error: { code: 'SecretNotFound', message: 'A secret with (name/id) was not found in this key vault.' } },
  },
  {
    status: 403,
    body: {
      error: {
        code: 'Forbidden',
        message: 'Operation get is not allowed on a disabled secret.',
        innererror: { code: 'SecretDisabled' },
      },
    },
  },
  {
    status: 200,
    body: {
      value: [
        {
          id: 'https://vault.example/secrets/ptb-default-refresh-token/4387',
          attributes: { enabled: true, created: 1_790_000_000 },
        },
      ],
      nextLink: null,
    },
  },
  { status: 429, body: { error: { code: 'Throttled', message: 'Too many requests.' } } },
];
