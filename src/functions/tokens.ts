import type { Resource } from '../lib/core/secrets.ts';
import { issueToken, tokenRequestSchema } from '../lib/tokens/issue-token.ts';
import type { PendingApprovalAnswer, TokenAnswer } from '../lib/api/answers/approvals.ts';
import { exampleDomain, exampleTenantId, exampleTokenId } from '../lib/api/examples.ts';
import { conditionFailures, jsonContent, type RouteDocument, tenantTokenFailures } from '../lib/api/route.ts';
import { pendingAnswer } from '../lib/approvals/meet-condition.ts';
import { isoTime } from '../lib/core/clock.ts';
import { rotateIfOverdue } from './rotation.ts';
import { route } from './route.ts';

/** Issues a token for one tenant and one resource to a caller that the policy allows. */
route(
  {
    name: 'tokens',
    method: 'POST',
    path: '/tokens',
    access: 'Tokens.Request',
    body: tokenRequestSchema,
    recordsRefusals: true,
    durable: true,
    failures: [...tenantTokenFailures, ...conditionFailures, 'scope_not_allowed'],
    document,
  },
  async (services, call) => {
    rotateIfOverdue(services);
    const issued = await issueToken(services.issuing, call.body, call);
    if ('pending' in issued) {
      const { body, ...pending } = pendingAnswer(issued.pending);
      return { ...pending, jsonBody: body satisfies PendingApprovalAnswer };
    }
    const { token, tokenId } = issued;
    return {
      status: 200,
      headers: {
        'cache-control': 'no-store',
        ...(token.resource.retired === undefined ? {} : retirementHeaders(token.resource.retired)),
      },
      jsonBody: {
        accessToken: token.secret.reveal(),
        tokenType: 'Bearer',
        expiresAt: isoTime(token.expiresAtMs),
        expiresInSeconds: Math.floor((token.expiresAtMs - services.clock.nowMs()) / 1000),
        tenantId: token.tenantId,
        resource: token.resource.alias,
        scopes: token.scopes,
        grant: token.grant,
        tokenId,
      } satisfies TokenAnswer,
    };
  },
);

/** Says when Microsoft deprecated a resource (RFC 9745) and when it stopped working (RFC 8594). */
export const retirementHeaders = ({
  deprecatedAtMs,
  sunsetAtMs,
}: NonNullable<Resource['retired']>): Record<string, string> => ({
  deprecation: `@${deprecatedAtMs / 1000}`,
  sunset: new Date(sunsetAtMs).toUTCString(),
});

async function document(): Promise<RouteDocument> {
  const { documentPending, tokenAnswerSchema } = await import('../lib/api/answers/approvals.ts');
  const example = {
    accessToken: '(the token)',
    tokenType: 'Bearer',
    expiresAt: '2026-11-24T10:12:44.000Z',
    expiresInSeconds: 4172,
    tenantId: exampleTenantId,
    resource: 'graph',
    scopes: ['Directory.Read.All', 'User.Read.All'],
    grant: 'delegated',
    tokenId: exampleTokenId,
  };
  return {
    group: 'Tokens',
    summary: 'Issue a token for one tenant and one resource',
    description:
      'Issues a short-lived access token if the access policy allows it for the caller. The token leaves the broker only after its audit record is stored. It is valid for at least `minimumLifetimeSeconds`. A delegated token contains every scope that was consented to the application, whatever scopes the request names: `scopes` in the answer lists what the token contains. If the request names a scope that the cached token lacks, the broker first replaces the token, at most once every three minutes, because consent may have been granted since. If the rule needs an approval, the answer is 202 until other people have approved the request: send the same request again.',
    bodyExample: { tenant: exampleDomain, resource: 'graph' },
    answers: [
      {
        status: 200,
        description: 'The token. It is a secret: keep it in memory only, and no longer than it is valid.',
        contents: [jsonContent(tokenAnswerSchema, example)],
        headers: {
          Deprecation: 'When Microsoft deprecated the resource, if it did (RFC 9745).',
          Sunset: 'When Microsoft retired the resource, if it did (RFC 8594).',
        },
      },
      documentPending(),
    ],
  };
}
