import { isJson } from '../judge/reading/headers.ts';
import { BrokerError } from '../model/errors.ts';
import { duplicateKey, nestingDepth } from '../runtime/duplicate-key.ts';
import { scrub } from '../runtime/log.ts';
import { parseJson } from '../runtime/outbound.ts';
import { visibleText } from '../runtime/visible-text.ts';

/** Longest text of a body that a person is asked to read, and that is stored until he has decided, in characters. */
const maxShownLength = 4_000;
const maxDepth = 32;

/** Names of members whose texts are hidden, and those of everything inside. A decider needs to know that they are set. */
const hiddenNames = /passw|secret|token|credential|private|assertion|otp|pin$|^key$|apikey|accesskey|sharedkey/i;

/**
 * The body of a request for people who approve it: all of its JSON, with texts of members that hold secrets left out. What
 * cannot be shown cannot be approved.
 * @throws BrokerError request_invalid for a body that is not JSON or too long.
 */
export function shownBody(body: Uint8Array, contentType: string | undefined): string {
  const text = isJson(contentType) ? utf8(body) : undefined;
  const value = text === undefined || nestingDepth(text) > maxDepth ? undefined : parseJson(text);
  // Two readers could choose different ones of two equal keys.
  if (text === undefined || value === undefined || duplicateKey(text) !== undefined)
    throw notShown('is not plain JSON', 'Send JSON with each key once and few levels');
  const shown = visibleText(scrub(JSON.stringify(hidden(value, false), undefined, 1)).replaceAll('\n', '\u0000'));
  if (shown.length > maxShownLength) throw notShown(`is longer than ${maxShownLength} characters`, 'Split the request');
  return shown.replaceAll('\\u0000', '\n');
}

function hidden(value: unknown, isSecret: boolean): unknown {
  if (typeof value === 'string') return isSecret ? `(hidden, ${value.length} characters)` : value;
  if (typeof value === 'number') return isSecret ? '(hidden)' : value;
  if (Array.isArray(value)) return value.map((item) => hidden(item, isSecret));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, hidden(item, isSecret || hiddenNames.test(name))]),
  );
}

function utf8(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return undefined;
  }
}

const notShown = (what: string, next: string): BrokerError =>
  new BrokerError(
    'request_invalid',
    `The rule needs an approval, and the body ${what}, so people cannot see what they decide on. ${next}, or ask for a rule without approval.`,
  );
