import { BrokerError } from '../../core/errors.ts';
import { type AnswerLimits, typeAnnotations, visibleParts } from '../../judge/verdict.ts';
import type { RewriteLink } from './gateway-links.ts';
import { editJson, type JsonEdits, JsonTextError } from './json-text.ts';

/** An answer of a resource. Header names are lower case. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface AnswerRules {
  readonly limits: AnswerLimits;
  readonly rewriteLink: RewriteLink;
}

/**
 * The answer as the caller may see it: without the properties and objects that the rule does not cover, and with links that
 * lead back to the gateway. An error that is not JSON keeps its status and loses its text, which may quote an address.
 * @throws BrokerError resource_error for an answer that the gateway cannot read, or with a link to another host.
 */
export function rewriteAnswer({ status, headers, body }: Answer, rules: AnswerRules): Answer {
  const { location, ...others } = headers;
  const moved = location === undefined ? undefined : rules.rewriteLink(location);
  const kept = moved === undefined ? others : { ...others, location: moved };
  if (body.length === 0) return { status, headers: kept, body };
  const isSuccess = status >= 200 && status <= 299;
  if (isJson(headers['content-type'])) return { status, headers: kept, body: rewriteJson(body, rules, isSuccess) };
  if (isSuccess && rules.limits.anyFormat) return { status, headers: kept, body };
  if (isSuccess) throw new BrokerError('resource_error', 'The resource answers with something else than JSON.');
  const { 'content-type': _, ...withoutType } = kept;
  return { status, headers: withoutType, body: new Uint8Array() };
}

/** Whether a body of this content type is JSON. */
export const isJson = (contentType: string | undefined): boolean =>
  /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType ?? '');

function rewriteJson(body: Uint8Array, rules: AnswerRules, isSuccess: boolean): Uint8Array {
  const text = decode(body);
  // An error is no object of the directory.
  const limits = isSuccess ? rules.limits : { ...rules.limits, typedMembers: [] };
  const names = namesOf(limits);
  // Most answers have nothing to change. An escaped letter could hide a name.
  if (!limits.typedMembers?.length && !text.includes(String.raw`\u00`) && !names.some((name) => text.includes(name)))
    return body;
  try {
    return Buffer.from(editJson(text, editsFor({ ...rules, limits })));
  } catch (error) {
    if (!(error instanceof JsonTextError)) throw error;
    throw new BrokerError('resource_error', 'The resource answers with JSON that cannot be read.', { cause: error });
  }
}

function decode(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (cause) {
    throw new BrokerError('resource_error', 'The resource answers with text that is not UTF-8.', { cause });
  }
}

/** OData 4.01 allows the annotations without `odata.` ("OData JSON Format", section 4.6.4). */
const linkNames = ['@odata.nextLink', '@odata.deltaLink', '@nextLink', '@deltaLink'];

const plainName = 'nextLink';

const namesOf = ({ remove, readableTypes, plainLinks = false }: AnswerLimits): readonly string[] => [
  ...remove,
  ...linkNames,
  ...(plainLinks ? [plainName] : []),
  ...(readableTypes === undefined ? [] : typeAnnotations),
];

function editsFor({ limits, rewriteLink }: AnswerRules): JsonEdits {
  const { hides, kept } = visibleParts(limits);
  return {
    member: (name, text, within) => {
      if (hides(name)) return 'drop';
      if (text === undefined || !(isLink(name) || (isPlainLink(name, limits, within) && text !== ''))) return undefined;
      const rewritten = rewriteLink(text);
      if (rewritten !== undefined) return { value: JSON.stringify(rewritten) };
      throw new BrokerError('resource_error', 'The resource answers with a link to another host.');
    },
    object: kept,
  };
}

const isLink = (name: string): boolean => linkNames.some((link) => name.endsWith(link));

/** At the end, some services write an empty text. */
const isPlainLink = (name: string, { plainLinks = false }: AnswerLimits, within: readonly string[]): boolean =>
  plainLinks && name === plainName && within.length === 0;
