import { listenDns } from './dns/listen-dns.ts';
import { textRecords } from './dns/text-records.ts';
import { serveService, type ServingContext } from './serve-service.ts';
import type { Certificates } from './web/certificate.ts';
import { type ServiceName, serviceNames } from './web/http.ts';
import { listen, type MessageHandler, type RunningListener } from './web/listener.ts';
import type { Addresses } from './world.ts';

interface ListeningCloud {
  readonly addresses: Addresses;
  readonly control: string;
  /** Address of the DNS server. */
  readonly dns: string;
  close(): Promise<void>;
}

interface ListenAllOptions {
  readonly control: MessageHandler;
  /** The cloud behind the listeners. */
  readonly context: () => ServingContext;
  readonly certificates: Certificates;
  /** Port of the control endpoint; the services use the ports after it. 0 selects free ports. */
  readonly port: number;
  /** Address of the network interface. */
  readonly host: string;
  readonly onUntrusted: () => void;
}

/** Opens all listeners. The managed identity endpoint uses plain HTTP, as on App Service; the other services use TLS. */
export async function listenAll(options: ListenAllOptions): Promise<ListeningCloud> {
  const { control, context, certificates, port, host, onUntrusted } = options;
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
    const controlPort = await open(control, { port, host });
    const addresses: Partial<Record<ServiceName, string>> = {};
    for (const [index, name] of serviceNames.entries()) {
      const isPlain = name === 'managedIdentity';
      const servicePort = port === 0 ? 0 : port + 1 + index;
      const handler = serveService(name, context);
      const openPort = await open(handler, {
        port: servicePort,
        host,
        certificates: isPlain ? undefined : certificates,
        onUntrusted,
      });
      addresses[name] = isPlain ? `http://127.0.0.1:${openPort}` : `https://localhost:${openPort}`;
    }
    const dns = await listenDns((name) => textRecords(context().world, name), {
      port: port === 0 ? 0 : port + 1 + serviceNames.length,
      host,
    });
    listeners.push(dns);
    return {
      dns: `dns://127.0.0.1:${dns.port}`,
      addresses: addresses as Addresses,
      control: `http://127.0.0.1:${controlPort}`,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
