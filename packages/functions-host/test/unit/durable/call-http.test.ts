import { beforeAll, describe, expect, it } from 'vitest';
import { StepClock } from '../step-clock.ts';
import { registerSamples } from './sample-orchestrations.ts';
import { runOnStepClock, start2026 } from './step-clock-run.ts';
import { testApp, type TestApp } from './test-app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await testApp();
  registerSamples(app);
});

describe('callHttp', () => {
  it('polls the location of a 202 after the delay in Retry-After', async () => {
    const clock = new StepClock(start2026);
    const requests: string[] = [];
    const fetch = (url: string, init: RequestInit): Promise<Response> => {
      requests.push(
        `${(clock.nowMs() - start2026) / 1000} ${init.method} ${url} ${typeof init.body === 'string' ? init.body : ''}`.trim(),
      );
      const headers = { location: '/status', 'retry-after': '7' };
      return Promise.resolve(requests.length < 3 ? new Response('', { status: 202, headers }) : new Response('done'));
    };
    const engine = app.newEngine({ clock, fetch });
    const id = await runOnStepClock(engine, clock, 'callingHttp', {
      method: 'POST',
      url: 'http://x.test/a',
      body: { b: 1 },
    });
    expect(requests).toEqual([
      '0 POST http://x.test/a {"b":1}',
      '7 GET http://x.test/status',
      '14 GET http://x.test/status',
    ]);
    expect(engine.output(id)).toMatchObject({ statusCode: 200, content: 'done' });
  });

  it('returns a 202 if polling is disabled, and fails without a response', async () => {
    const fetch = (url: string): Promise<Response> =>
      url.includes('down')
        ? Promise.reject(new Error('connect refused'))
        : Promise.resolve(new Response('', { status: 202, headers: { location: '/s' } }));
    const engine = app.newEngine({ fetch });
    const accepted = await engine.run('callingHttp', { method: 'GET', url: 'http://x.test/', enablePolling: false });
    expect(accepted).toMatchObject({ status: 'Completed', output: expect.stringContaining('"statusCode":202') });
    expect(await engine.run('callingHttp', { method: 'GET', url: 'http://down.test/' })).toMatchObject({
      status: 'Failed',
      output: expect.stringContaining('connect refused'),
    });
  });

  it('fails the orchestration if the request needs a managed identity', async () => {
    const { status, output } = await app.newEngine().run('callingHttp', {
      method: 'GET',
      url: 'http://x.test/',
      tokenSource: { kind: 'AzureManagedIdentity', resource: 'r' },
    });
    expect([status, output]).toEqual(['Failed', expect.stringContaining('needs a managed identity')]);
  });
});
