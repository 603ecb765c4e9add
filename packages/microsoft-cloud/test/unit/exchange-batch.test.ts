import { expect, it } from 'vitest';
import { answerBatch } from '../../src/exchange/batch.ts';
import type { CloudRequest } from '../../src/web/http.ts';

/** The ids and statuses of the answers, if the first part gets this status. */
function answered(status: number, prefer?: string): unknown {
  const parts = ['1', '2'].map((id) => ({ id, method: 'post', url: `/adminapi/beta/x/${id}` }));
  const request: CloudRequest = {
    method: 'POST',
    path: '/adminapi/beta/x/$batch',
    query: new URLSearchParams(),
    headers: prefer === undefined ? {} : { prefer },
    body: JSON.stringify({ requests: parts }),
    facts: {},
  };
  const reply = answerBatch(request, ({ path }) => ({ status: path.endsWith('1') ? status : 200 }));
  const { responses } = JSON.parse(reply?.body ?? '{}') as { responses: { id: string; status: number }[] };
  return responses.map((response) => [response.id, response.status]);
}

it.each([400, 403, 404, 429, 500])('ends a batch at the first part with status %i', (status) => {
  expect(answered(status)).toEqual([['1', status]]);
  expect(answered(status, 'odata.continue-on-error=false')).toEqual([['1', status]]);
  expect(answered(status, 'odata.continue-on-error')).toEqual([
    ['1', status],
    ['2', 200],
  ]);
});

it.each([200, 204, 399])('goes on after a part with status %i', (status) => {
  expect(answered(status)).toEqual([
    ['1', status],
    ['2', 200],
  ]);
});
