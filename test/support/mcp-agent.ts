import { deepEqual, ok } from 'node:assert/strict';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { plainEnvironment, ptbScript } from '../paths.ts';
import type { WatchedDemo } from './watched-demo.ts';

/** `legacy`: a client before the revision 2026-07-28. */
export type Mode = 'legacy' | 'auto';

/** The result of a tool. */
export interface Called {
  readonly isError: boolean;
  readonly text: string;
  /** `data` of the structured content, or of the frame of a failure. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** The official client, as an agent uses it. What it gets is scanned when the demo stops. */
export class McpAgent {
  readonly #clients: Client[] = [];

  client(mode: Mode): Client {
    const client = new Client({ name: `test-${mode}`, version: '1.0' }, { versionNegotiation: { mode } });
    this.#clients.push(client);
    return client;
  }

  async overHttp({ url }: WatchedDemo, token: string, mode: Mode = 'auto'): Promise<Client> {
    const client = this.client(mode);
    const requestInit = { headers: { authorization: `Bearer ${token}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/api/mcp`), { requestInit }));
    return client;
  }

  /** Starts `ptb mcp`. */
  async overStdio(demo: WatchedDemo, token: string, mode: Mode = 'auto'): Promise<Client> {
    const client = this.client(mode);
    const env = { ...plainEnvironment(), BROKER_URL: demo.url, PTB_TOKEN: token };
    const args = [ptbScript, 'mcp'];
    const transport = new StdioClientTransport({ command: process.execPath, args, env, stderr: 'pipe' });
    transport.stderr?.on('data', (chunk) => demo.note('stderr of ptb mcp', String(chunk)));
    await client.connect(transport);
    return client;
  }

  /** Calls a tool, and checks that both forms of its result are the same and that the text is framed. */
  async call(demo: WatchedDemo, client: Client, name: string, given: object = {}): Promise<Called> {
    const result = await client.callTool({ name, arguments: { ...given } });
    demo.note(`result of ${name}`, JSON.stringify(result));
    const [content] = result.content;
    const text = content?.type === 'text' ? content.text : '';
    const framed = /^--- begin (\S+)\n(.*)\n--- end \1$/m.exec(text)?.[2];
    ok(framed, `the text of ${name} has no frame`);
    const data = JSON.parse(framed) as Called['data'];
    const isError = result.isError === true;
    if (!isError) deepEqual((result.structuredContent as { data: unknown }).data, data);
    return { isError, text, data };
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
  }
}
