import { describe, expect, it } from 'vitest';
import { sendUsualRequests } from '../../../src/recording/send-usual-requests.ts';
import { usualRequests } from '../../../src/recording/usual-requests.ts';

const address = 'http://recorder.example';
const recorded = async (refused: RegExp): Promise<readonly string[]> => {
  const sent: string[] = [];
  const answer = (url: string): Promise<Response> => {
    const path = url.slice(`${address}/v1.0`.length);
    sent.push(path);
    const status = refused.test(path) ? 401 : 200;
    return Promise.resolve(Response.json({ value: [{ id: 'x' }] }, { status }));
  };
  await sendUsualRequests({ address, token: 't', fetch: answer as typeof fetch, signal: AbortSignal.any([]) });
  return sent;
};

describe('the usual requests', () => {
  it('go on after a 401 of one of them', async () => {
    // Two ask for ids first.
    expect(await recorded(/^\/(?:domains|deviceManagement)/)).toHaveLength(usualRequests.length + 2);
  });

  it('end if the service refuses the token from the beginning', async () => {
    await expect(recorded(/^\/users\?\$top=1$/)).rejects.toThrow('the service refuses the token in GRAPH_TOKEN');
  });
});
