import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { keepsGarbage, startAzurite } from '../../../../src/cli/demo/azurite.ts';

// test/support/leftovers.ts fails the test if its folder or its process is still there.
it('leaves nothing behind if a port is taken', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await expect(startAzurite({ ports: { blob: port, queue: 0, table: 0 } })).rejects.toThrow(/^Azurite ended with 1/);
  taken.close();
  await once(taken, 'close');
});

it('starts an Azurite that does not collect garbage while it runs', () => {
  const script = createRequire(import.meta.url).resolve('azurite/dist/src/azurite.js');
  const manager = createRequire(script).resolve('./blob/gc/BlobGCManager');
  const printed = `const { default: Manager } = require(${JSON.stringify(manager)}); console.log(new Manager({}, {}, {}, () => {}).gcIntervalInMS);`;
  const interval = (...options: readonly string[]) =>
    Number(execFileSync(process.execPath, [...options, '--eval', printed], { encoding: 'utf8' }));
  expect(interval()).toBe(600_000);
  expect(interval('--import', keepsGarbage(script))).toBeGreaterThan(24 * 24 * 3_600_000);
});
