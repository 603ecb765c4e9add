import { checkpointType } from '../../lib/audit/chain/checkpoint.ts';
import { partOf } from '../../lib/audit/chain/checkpoint-log.ts';
import { headType } from '../../lib/audit/proof/layout.ts';
import type { ProbeAnswer } from './probe.ts';

/**
 * Patterns of secrets that must not be in an answer. Keys created since 2022 carry a signature ("Common annotated
 * security keys": AzFu for Functions, ASt for storage). Older keys are recognized by their context. Each pattern takes
 * linear time, hence the lookbehinds.
 */
const shapes: readonly [what: string, shape: RegExp][] = [
  ['a Functions key', /(?<=[A-Za-z0-9_-]{40})AzFu[A-Za-z0-9_-]{6}/],
  ['a key in an address', /[?&]code=[A-Za-z0-9_%-]{20,}/],
  ['an address of the durable management API', /\/runtime\/webhooks\/durabletask\/[^"\s]{0,1000}\?/],
  ['a storage key', /AccountKey=|(?<=[A-Za-z0-9+/]{76})ASt[A-Za-z0-9+/]{5}/],
  ['a shared access signature', /[?&]sig=[A-Za-z0-9%+/]{20,}/],
  ['an access token', /(?<=eyJ[A-Za-z0-9_-]{10,})\.[A-Za-z0-9_-]{10,}\./],
  ['a refresh token', /\b[01]\.A[A-Za-z0-9_-]{60,}/],
  ['a client secret', /"?(client_?secret|refresh_?token)"?\s*[:=]\s*"[^"]{8,}"/i],
];

interface Leak {
  readonly what: string;
  readonly method: string;
  readonly path: string;
}

/**
 * Finds leaks and names their kind and place, never the value. Ignores the token in the answer of `POST /api/tokens`, and
 * checkpoints of the audit log and their heads, which are signed like access tokens.
 */
export function findLeaks(answers: readonly ProbeAnswer[]): Leak[] {
  return answers.flatMap((answer) => {
    const { method, path, headers, body } = answer;
    const text = [...headers].map(([name, value]) => `${name}: ${value}`).join('\n') + `\n${body}`;
    const searched = harmless(answer).reduce((rest, value) => rest.replace(value, ''), text);
    return shapes.filter(([, shape]) => shape.test(searched)).map(([what]) => ({ what, method, path }));
  });
}

/** The values of an answer that look like secrets, but belong there. */
function harmless({ method, path, json }: ProbeAnswer): readonly string[] {
  if (method === 'POST' && path === '/api/tokens') return [json['accessToken']].filter(isText);
  const [signed, type] =
    path === '/api/audit/checkpoints'
      ? [json['checkpoints'], checkpointType]
      : [path === '/api/audit/heads' && json['heads'], headType];
  return Array.isArray(signed) ? signed.filter(isText).filter((jws) => partOf(jws, 0)['typ'] === type) : [];
}

const isText = (value: unknown): value is string => typeof value === 'string';
