import { Agent, type IncomingMessage, request as send } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

/** A token that callers ask for. */
export interface Wanted {
  readonly tenant: string;
  readonly resource: string;
}

export interface CallersOfTokens {
  readonly url: string;
  readonly authorization: string;
  readonly callers: number;
  /** Time between an answer and the next request of the same caller, milliseconds. */
  readonly pauseMs: number;
  /** The next token to ask for, and the name of its kind. */
  readonly next: () => readonly [kind: string, wanted: Wanted];
}

/** Callers that ask for tokens until `until` settles. @returns the times of the answers by kind, milliseconds. */
export async function askUntil(until: Promise<unknown>, load: CallersOfTokens): Promise<Map<string, number[]>> {
  const times = new Map<string, number[]>();
  const agent = new Agent({ keepAlive: true });
  const over = new AbortController();
  const end = (): void => over.abort();
  void until.then(end, end);
  const call = async (_: unknown, caller: number): Promise<void> => {
    // Spread over the pause, so that the callers do not ask in step.
    await delay((caller / load.callers) * load.pauseMs);
    while (!over.signal.aborted) {
      const [kind, wanted] = load.next();
      const ms = await timeOf(agent, load, wanted);
      const known = times.get(kind);
      if (known === undefined) times.set(kind, [ms]);
      else known.push(ms);
      await delay(load.pauseMs);
    }
  };
  await Promise.all(Array.from({ length: load.callers }, call));
  agent.destroy();
  return times;
}

/** Milliseconds until the answer is complete. @throws Error for an answer other than 200. */
async function timeOf(agent: Agent, { url, authorization }: CallersOfTokens, wanted: Wanted): Promise<number> {
  const body = JSON.stringify(wanted);
  const headers = { authorization, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  const startedMs = performance.now();
  const reply = await new Promise<IncomingMessage>((resolve, reject) => {
    send(`${url}/api/tokens`, { agent, method: 'POST', headers }, resolve).once('error', reject).end(body);
  });
  const answer = await text(reply);
  if (reply.statusCode !== 200) throw new Error(`a token was refused: ${reply.statusCode} ${answer.slice(0, 300)}`);
  return performance.now() - startedMs;
}
