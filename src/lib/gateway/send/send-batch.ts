import { errorTable, toBrokerError } from '../../core/errors.ts';
import type { JudgedPart } from '../../judge/batch.ts';
import type { Refused } from '../../judge/verdict.ts';
import { Limiter } from '../../core/limiter.ts';
import { parseJson } from '../../core/outbound.ts';
import { type AllowedPart, isAllowed } from './authorize.ts';
import { type Answer, isJson } from './rewrite-answer.ts';

export interface BatchLimits {
  /** Parts under way at the same time. */
  readonly concurrency: number;
  /** Bytes of all answers together. A part whose answer exceeds them is answered with an error. */
  readonly maximumBytes: number;
}

/**
 * Sends the allowed parts of a batch and answers as Microsoft Graph does: one response for each part, whatever became of it
 * ("Combine multiple HTTP requests using JSON batching"). A part waits for those that it depends on, and is not sent if one
 * of them failed. Never throws for a part.
 * @param send Sends one part and returns what the caller may see of its answer. Logs why it throws.
 * @returns the JSON of the batch's answer.
 */
export async function sendBatch(
  parts: readonly JudgedPart[],
  send: (part: AllowedPart) => Promise<Answer>,
  { concurrency, maximumBytes }: BatchLimits,
): Promise<string> {
  const limiter = new Limiter(concurrency);
  const running = new Map<string, Promise<PartAnswer>>();
  let leftBytes = maximumBytes;
  const answer = async (part: JudgedPart): Promise<PartAnswer> => {
    if (!isAllowed(part)) {
      const { kind, reason } = part.verdict as Refused;
      const [status, code] = refusals[kind];
      return problem(status, code, reason);
    }
    // Judging made sure that these are earlier parts.
    const needed = await Promise.all(part.dependsOn.flatMap((id) => running.get(id) ?? []));
    if (needed.some(({ status }) => status >= 400)) return failedDependency;
    const sent = await limiter.run(() => send(part)).then(partAnswer, failure);
    leftBytes -= sent.body?.length ?? 0;
    return leftBytes < 0 ? tooLarge : sent;
  };
  for (const part of parts) running.set(part.id, answer(part));
  const responses = [...running].map(async ([id, pending]) => {
    const { status, headers, body } = await pending;
    const members = `"id":${JSON.stringify(id)},"status":${status},"headers":${JSON.stringify(headers)}`;
    return `{${members}${body === undefined ? '' : `,"body":${body}`}}`;
  });
  return `{"responses":[${(await Promise.all(responses)).join(',')}]}`;
}

interface PartAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON; undefined without a body. */
  readonly body: string | undefined;
}

/** As the answers of Microsoft Graph spell them. Its SDKs look for `Content-Type` in this case. */
const spellings: Readonly<Record<string, string>> = {
  'content-type': 'Content-Type',
  'retry-after': 'Retry-After',
  location: 'Location',
};

function partAnswer({ status, headers, body }: Answer): PartAnswer {
  const spelled = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [Object.hasOwn(spellings, name) ? spellings[name] : name, value]),
  ) as Record<string, string>;
  if (body.length === 0) return { status, headers: spelled, body: undefined };
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  // Graph writes a body that is not JSON as Base64.
  if (!isJson(headers['content-type'])) {
    return { status, headers: spelled, body: JSON.stringify(bytes.toString('base64')) };
  }
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  // A broken text would break the answers of other parts.
  return parseJson(text) === undefined ? broken : { status, headers: spelled, body: text };
}

const json = { 'Content-Type': 'application/json' };

const problem = (status: number, code: string, message: string): PartAnswer => ({
  status,
  headers: json,
  body: JSON.stringify({ error: { code, message } }),
});

const failedDependency = problem(424, 'FailedDependency', 'A part that this part depends on failed; correct that one.');
const broken = problem(502, 'resource_error', 'The resource answers with JSON that cannot be read.');
const tooLarge = problem(
  502,
  'resource_error',
  'The answers of the batch are too large together; send this part on its own.',
);

const refusals = {
  unreadable: [400, 'BadRequest'],
  'not-permitted': [403, 'Forbidden'],
  'failed-dependency': [424, 'FailedDependency'],
} as const;

/** A part that could not be sent. The code and sentence are those of the broker's errors. */
function failure(thrown: unknown): PartAnswer {
  const { code, detail, retryAfterSeconds } = toBrokerError(thrown);
  const answer = problem(errorTable[code].status, code, detail);
  if (retryAfterSeconds === undefined) return answer;
  return { ...answer, headers: { ...json, 'Retry-After': String(Math.ceil(retryAfterSeconds)) } };
}
