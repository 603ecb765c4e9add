import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { startAzurite } from '../../../../src/cli/demo/azurite.ts';

// test/support/leftovers.ts fails the test if its folder or its process is still there.
it('leaves nothing behind if a port is taken', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await expect(startAzurite({ ports: { blob: port, queue: 0, table: 0 } })).rejects.toThrow(/^Azurite ended with 1/);
  taken.close();
  await once(taken, 'close');
});
