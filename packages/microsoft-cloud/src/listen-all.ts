import type { Addresses } from './world.ts';
import type { Certificates } from './web/certificate.ts';
import { type Service, type ServiceName, serviceNames } from './web/http.ts';
import { listen, type ListenerContext, type RunningListener, serve } from './web/listener.ts';

export interface ListeningCloud {
  readonly addresses: Addresses;
  readonly control: string;
  close(): Promise<void>;
}

/**
 * Opens the control endpoint at `port` and the services at the ports after it, or everything at free ports for 0. The
 * managed identity endpoint is plain HTTP, as on App Service; the others speak TLS.
 */
export async function listenAll(
  control: Parameters<typeof listen>[0],
  services: Readonly<Record<ServiceName, Service>>,
  context: ListenerContext,
  certificates: Certificates,
  port: number,
): Promise<ListeningCloud> {
  const listeners: RunningListener[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.close()));
  };
  const open = async (...args: Parameters<typeof listen>): Promise<number> => {
    const listener = await listen(...args);
    listeners.push(listener);
    return listener.port;
  };
  try {
    const controlPort = await open(control, port);
    const addresses: Partial<Record<ServiceName, string>> = {};
    for (const [at, name] of serviceNames.entries()) {
      const isPlain = name === 'managedIdentity';
      const wanted = port === 0 ? 0 : port + 1 + at;
      const opened = await open(serve(services[name], context), wanted, isPlain ? undefined : certificates);
      addresses[name] = isPlain ? `http://127.0.0.1:${opened}` : `https://localhost:${opened}`;
    }
    return { addresses: addresses as Addresses, control: `http://127.0.0.1:${controlPort}`, close };
  } catch (error) {
    await close();
    throw error;
  }
}
