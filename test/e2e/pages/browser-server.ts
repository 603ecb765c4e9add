import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** WebSocket address of the browser. Undefined: there is none. */
    browserAddress: string | undefined;
  }
}

export const program = process.env['PTB_CHROMIUM'] ?? '/usr/bin/chromium';

/**
 * Starts one browser for all page tests, without its sandbox, which needs rights that a container lacks. It opens only
 * pages of this project.
 */
export async function setup({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (!existsSync(program)) {
    console.log(
      `The browser tests are skipped: ${program} does not exist. Run .ci/install-tools, or set PTB_CHROMIUM to another browser.`,
    );
    provide('browserAddress', undefined);
    return undefined;
  }
  const server = await chromium.launchServer({ host: '127.0.0.1', executablePath: program, args: ['--no-sandbox'] });
  provide('browserAddress', server.wsEndpoint());
  return () => server.close();
}
