import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

interface CloudEvent {
  readonly id: string;
  readonly subject?: string;
  readonly data: { readonly kind: string } & Readonly<Record<string, unknown>>;
}

/** A program that verifies its requests as docs/notices.md says, and a chat, on the loopback interface. */
export class NoticeReceiver {
  /** What the program answers. */
  status = 500;
  /** What the program has verified. */
  readonly requests: { readonly id: unknown; readonly body: string; readonly event: CloudEvent }[] = [];
  /** What it could not verify. */
  readonly refused: unknown[] = [];
  /** Texts in the chat. */
  readonly messages: string[] = [];
  readonly #secret: string;
  readonly #server = createServer((request, response) => {
    void text(request).then((body) => {
      const isChat = request.url === '/chat';
      if (isChat) this.messages.push((JSON.parse(body) as { text: string }).text);
      response.writeHead(isChat ? 200 : this.#accept(body, request.headers)).end();
    });
  });

  constructor(secret: string) {
    this.#secret = secret;
  }

  /** @returns the address. */
  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  #accept(body: string, headers: IncomingHttpHeaders): number {
    try {
      const event = new Webhook(this.#secret).verify(body, headers as Record<string, string>) as CloudEvent;
      this.requests.push({ id: headers['webhook-id'], body, event });
      return this.status;
    } catch (thrown) {
      this.refused.push(thrown);
      return 401;
    }
  }
}
