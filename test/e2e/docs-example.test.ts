import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunningCloud } from 'microsoft-cloud';
import { loadNewJob } from '../support/docs-example.ts';
import { tryJob } from '../support/try-job.ts';
import { accessToken, startTrustedCloud } from 'microsoft-cloud/testing';

let cloud: RunningCloud;
beforeAll(async () => {
  cloud = await startTrustedCloud({ tenants: 8, plain: true });
});
afterAll(() => cloud.stop());

it('the job of ptb jobs new finds old passwords in the simulated cloud', async () => {
  const [job, nowMs] = [await loadNewJob(), Date.now()];
  const found = [];
  for (const { tenantId } of cloud.document.tenants) {
    const authorization = `Bearer ${await accessToken(cloud, tenantId)}`;
    const graph = ({ url }: { readonly url: URL }): Promise<Response> =>
      fetch(`${cloud.document.graph}${url.pathname}${url.search}`, { headers: { authorization } });
    found.push(...(await tryJob(job, { nowMs, graph })).rows);
  }
  expect(found.length).toBeGreaterThan(0);
  for (const { changed } of found) expect(nowMs - Date.parse(String(changed))).toBeGreaterThanOrEqual(365 * 86_400_000);
});
