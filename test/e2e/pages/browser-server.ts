import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type LaunchOptions } from 'playwright-core';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** WebSocket address of the browser. Undefined: there is none. */
    browserAddress: string | undefined;
  }
}

const program = process.env['PTB_CHROMIUM'] ?? '/usr/bin/chromium';

/**
 * How to start the browser: without its sandbox, which needs rights that a container lacks. It opens only pages of this
 * project.
 */
export const launchOptions = {
  executablePath: join(import.meta.dirname, 'chromium.sh'),
  env: { ...process.env, PTB_CHROMIUM: program },
  args: ['--no-sandbox'],
} satisfies LaunchOptions;

/** Starts one browser for all page tests. */
export async function setup({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (!existsSync(program)) {
    console.log(
      `The browser tests are skipped: ${program} does not exist. Run .ci/install-tools, or set PTB_CHROMIUM to another browser.`,
    );
    provide('browserAddress', undefined);
    return undefined;
  }
  const server = await chromium.launchServer({ ...launchOptions, host: '127.0.0.1' });
  provide('browserAddress', server.wsEndpoint());
  return () => server.close();
}
