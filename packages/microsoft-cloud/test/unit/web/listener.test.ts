import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { createCertificates } from '../../../src/web/certificate.ts';
import { listen } from '../../../src/web/listener.ts';

it.each(['TLS', 'plain HTTP'])(
  'closes although a client of %s keeps a connection on which it says nothing',
  async (kind) => {
    const certificates = kind === 'TLS' ? await createCertificates(Date.now()) : undefined;
    const listener = await listen(() => Promise.resolve(), { port: 0, host: '127.0.0.1', certificates });
    const client = connect(listener.port, '127.0.0.1');
    client.on('error', () => undefined);
    await once(client, 'connect');
    const closed = once(client, 'close');
    await listener.close();
    await closed;
    await expect(fetch(`http://127.0.0.1:${listener.port}`)).rejects.toThrow();
  },
);
