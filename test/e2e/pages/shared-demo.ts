import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import type { Demo } from '../../../src/cli/demo/start-demo.ts';
import { startQuietDemo } from '../../support/running-demo.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A file that holds a {@link SharedDemo} as soon as it has started. */
    sharedDemoFile: string;
  }
}

/** What the files with page tests need to know of the demo that they share. */
export interface SharedDemo extends Pick<Demo, 'url' | 'cloud'> {
  /** A finished run over all tenants. */
  readonly runId: string;
}

/** More than fit on a screen. run-pages.test.ts and customer-pages.test.ts have 5,000. */
const tenants = 80;

/** Starts one demo for all page tests that do not change its settings, while other tests start. */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'ptb-pages-'));
  const file = join(folder, 'demo.json');
  provide('sharedDemoFile', file);
  const write = async (content: object): Promise<void> => {
    await writeFile(`${file}.part`, JSON.stringify(content));
    await rename(`${file}.part`, file);
  };
  const started = startQuietDemo(tenants);
  const running = started
    .then(async (demo) => write({ url: demo.url, cloud: demo.cloud, runId: await runOver(demo) } satisfies SharedDemo))
    .catch((error: unknown) => write({ failure: String(error) }));
  return async () => {
    await running;
    await rm(folder, { recursive: true });
    // Scans for leaks.
    await (await started).stop();
  };
}

async function runOver({ api }: Demo): Promise<string> {
  const runId = await api.startRun('access-check');
  while ((await api.run(runId)).finishedAt === undefined) await new Promise((resolve) => setTimeout(resolve, 300));
  return runId;
}
