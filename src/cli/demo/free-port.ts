import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Checks that the app can listen on a port, before anything is started for it.
 * @throws Error that says how to choose another port.
 */
export async function requireFreePort(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'EADDRINUSE' ? 'is taken by another program, perhaps by another demo' : `cannot be used (${code})`;
    throw new Error(
      `Port ${port} ${reason}. Choose another one with --port; 0 takes any free port: npm start -- --port 0`,
      { cause: error },
    );
  } finally {
    server.close();
  }
}
