import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunningCloud } from 'microsoft-cloud';
import { loadDocsExample } from '../support/docs-example.ts';
import { tryJob } from '../support/try-job.ts';
import { accessToken, startTrustedCloud } from 'microsoft-cloud/testing';

let cloud: RunningCloud;
let example: Awaited<ReturnType<typeof loadDocsExample>>;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 8, plain: true });
  example = await loadDocsExample();
});
afterAll(async () => {
  await example.remove();
  await cloud.stop();
});

it('the example job of docs/write-a-job.md finds guests in the simulated cloud', async () => {
  const nowMs = Date.now();
  const found = [];
  for (const { tenantId } of cloud.document.tenants) {
    const authorization = `Bearer ${await accessToken(cloud, tenantId)}`;
    const graph = ({ url }: { readonly url: URL }): Promise<Response> =>
      fetch(`${cloud.document.graph}${url.pathname}${url.search}`, { headers: { authorization } });
    try {
      found.push(...(await tryJob(example.job, { nowMs, graph })).rows);
    } catch (error) {
      // Graph knows the last sign-in only where the tenant has Microsoft Entra ID P1.
      expect(error).toMatchObject({ code: 'resource_unavailable', message: expect.stringContaining('licence') });
    }
  }
  expect(found.length).toBeGreaterThan(0);
  expect(found.some(({ lastSignIn }) => lastSignIn === null)).toBe(true);
  for (const { user, lastSignIn } of found) {
    expect(user).toContain('#EXT#');
    if (lastSignIn !== null) expect(nowMs - Date.parse(String(lastSignIn))).toBeGreaterThan(89 * 86_400_000);
  }
});
