import { describe, expect, it } from 'vitest';
import { HostServer } from '../../../src/http/server.ts';
import { HostStartError } from '../../../src/runtime/host-start-error.ts';
import { end, serve } from './served.ts';

describe('a port', () => {
  it('that is taken or not allowed is refused with the next step', async () => {
    const served = await serve({});
    const { port } = served;
    const other = new HostServer();
    await expect(other.listen(port)).rejects.toThrow(
      new HostStartError(`Port ${port} is taken by another program; choose another with --port, or 0 for any.`),
    );
    await expect(other.listen(70_000)).rejects.toThrow('Port 70000 cannot be used (ERR_SOCKET_BAD_PORT)');
    await end(served);
  });
});
