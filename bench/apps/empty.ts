/** Functions that do nothing, to measure the host alone: one answers `{}`, the other as many bytes as a token answer has. */
import { app } from '@azure/functions';

app.http('empty', {
  route: 'empty',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async () => ({ status: 200, jsonBody: {} }),
});

const answer = {
  accessToken: 'a'.repeat(1_958),
  tokenType: 'Bearer',
  expiresAt: '2026-11-24T00:00:00.000Z',
  expiresInSeconds: 3_600,
  tenantId: '00000000-0000-4000-8000-000000000000',
  resource: 'graph',
  scopes: Array.from({ length: 14 }, (_, index) => `Directory.Read.All.${index}`),
  grant: 'delegated',
  tokenId: '00000000-0000-4000-8000-000000000000',
};

app.http('same-answer', {
  route: 'same-answer',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async (request) => {
    await request.text();
    return { status: 200, headers: { 'cache-control': 'no-store' }, jsonBody: answer };
  },
});
