import { describe, expect, test } from 'vitest';
import { CapturingNetworkClient } from '../../../../src/lib/microsoft/redeemer.ts';
import { OutboundError } from '../../../../src/lib/core/outbound.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';
import { type Scripted, scriptedFetch } from '../../../fakes/scripted-fetch.ts';

const url = 'https://login.test/tenant/oauth2/v2.0/token';

function network(answer: () => Scripted, signal?: AbortSignal) {
  const clock = new FakeClock();
  const { fetch, seen } = scriptedFetch(answer);
  return { client: new CapturingNetworkClient({ fetch, clock }, signal), seen, clock };
}

describe('CapturingNetworkClient', () => {
  test('sends the given request and captures the unchanged reply', async () => {
    const { client, seen, clock } = network(() => Response.json({ error: 'x' }, { status: 429, headers: { a: 'b' } }));
    const options = { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'grant_type=x' };
    expect(await client.sendPostRequestAsync(url, options)).toEqual({ status: 429, headers: {}, body: { error: 'x' } });
    expect(seen[0]?.headers.get('content-type')).toBe('application/x-www-form-urlencoded');
    expect(seen[0]?.body).toBe('grant_type=x');
    expect(client.captured).toMatchObject({ sentAtMs: clock.nowMs(), outcome: { status: 429, body: '{"error":"x"}' } });
  });

  test('sends a request without options, and returns an empty object for a reply that is not JSON', async () => {
    const { client, seen } = network(() => new Response('<html>'));
    expect(await client.sendPostRequestAsync(url)).toMatchObject({ status: 200, body: {} });
    expect(seen[0]?.body).toBeUndefined();
  });

  test('captures why no reply arrived', async () => {
    const { client } = network(() => {
      throw new TypeError('fetch failed');
    });
    await expect(client.sendPostRequestAsync(url)).rejects.toMatchObject({ failure: 'network' });
    expect(client.captured?.outcome).toBeInstanceOf(OutboundError);
    const aborted = network(() => ({}), AbortSignal.abort());
    await expect(aborted.client.sendPostRequestAsync(url)).rejects.toMatchObject({ failure: 'aborted' });
  });

  test('rejects GET requests, because MSAL already has all discovery metadata', async () => {
    const { client, seen } = network(() => ({}));
    await expect(client.sendGetRequestAsync(`${url}?x`)).rejects.toThrow('network while talking to login.test');
    expect(seen).toEqual([]);
    expect(client.captured).toBeUndefined();
  });
});
