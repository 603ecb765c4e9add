import { spawn } from 'node:child_process';
import { keptByWorker } from '../../support/kept-by-worker.ts';

/** A Bicep compiler that stays loaded (`bicep jsonrpc`), and ends with this process, which closes its input. */
export interface BicepServer {
  /** Calls a method. @throws Error with the compiler's message if it refuses, or if the process ends. */
  ask<T>(method: string, parameters: object): Promise<T>;
}

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** Starts the compiler. It speaks JSON-RPC 2.0 with the headers of the Language Server Protocol on its standard streams. */
export function startBicep(program: string): BicepServer {
  const child = spawn(program, ['jsonrpc', '--stdio'], { stdio: ['pipe', 'pipe', 'pipe'] });
  if (child.pid !== undefined) keptByWorker.add(child.pid);
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const end = (reason: string): void => {
    for (const { reject } of waiting.values()) reject(new Error(`bicep ${reason}\n${said}`));
    waiting.clear();
  };
  child.once('error', (error) => end(`did not start: ${error.message}`));
  child.once('exit', (code) => end(`ended with ${code}`));
  // After the end of the process, a write fails and `exit` rejects the question.
  child.stdin.on('error', () => undefined);
  child.stdout.on(
    'data',
    readMessages(({ id, result, error }) => {
      const question = waiting.get(id);
      waiting.delete(id);
      if (error === undefined) question?.resolve(result);
      else question?.reject(new Error(error.message));
    }),
  );
  let last = 0;
  return {
    ask: <T>(method: string, params: object) => {
      const question = Promise.withResolvers<unknown>();
      if (child.exitCode !== null) return Promise.reject(new Error(`bicep ended with ${child.exitCode}\n${said}`));
      last += 1;
      waiting.set(last, question);
      const body = JSON.stringify({ jsonrpc: '2.0', id: last, method, params });
      child.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      return question.promise as Promise<T>;
    },
  };
}

/** @returns a reader of chunks that passes each complete message on. */
function readMessages(receive: (message: Reply) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const head = rest.indexOf('\r\n\r\n');
      const length = Number(/Content-Length: (\d+)/i.exec(rest.subarray(0, Math.max(head, 0)).toString())?.[1]);
      const end = head + 4 + length;
      if (head === -1 || rest.length < end) return;
      receive(JSON.parse(rest.subarray(head + 4, end).toString()) as Reply);
      rest = rest.subarray(end);
    }
  };
}
