import { app } from '@azure/functions';
import type { Services } from '../composition.ts';
import { issueToken, tokenRequestSchema } from '../lib/broker/issue-token.ts';
import { isoTime } from '../lib/runtime/clock.ts';
import type { TokenAnswer } from '../lib/api/answers/tokens.ts';
import { readJson } from '../lib/api/body.ts';
import type { Handler } from '../lib/api/pipeline.ts';
import { authLevel, guarded } from './pipeline.ts';

/** `POST /api/tokens`: a token for one tenant and one resource, for a caller whom the policy allows it. */
const tokens: Handler<Services> = async (services, call) => {
  const order = await readJson(call.request, tokenRequestSchema);
  const { token, tokenId } = await issueToken(services.issuing, order, call);
  const { retired } = token.resource;
  return {
    status: 200,
    headers: {
      'cache-control': 'no-store',
      ...(retired === undefined
        ? {}
        : { deprecation: `@${retired.deprecatedAtMs / 1000}`, sunset: new Date(retired.sunsetAtMs).toUTCString() }),
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
};

app.http('tokens', {
  route: 'tokens',
  methods: ['POST'],
  authLevel,
  handler: guarded('Tokens.Request', tokens),
});
